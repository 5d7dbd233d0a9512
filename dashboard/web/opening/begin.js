// What the document of somebody who comes for the first time loads before all else (`preload.py`).

import { open } from "./first_minute.js";

open();
