"""The page in three browser engines: one text of journeys, and a small driver for each of Chromium, Firefox and WebKit.

`python -m tests.browser.engines --pictures FOLDER` opens the page in each of those that are there, takes pictures of it, and says how often its charts
are drawn a second while it trains.
"""
