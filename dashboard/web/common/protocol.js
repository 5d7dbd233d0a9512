// What all sockets say, `/maml/live` of the live page, `/maml/sweeps` of the sensitivity screen and `/maml/lessons` of the list of lessons, which
// says nothing else, and what their messages are made of; the rest stands in `live/protocol.js` and `sweeps/protocol.js`.
//
// Text messages are JSON, told apart by `type`. The server's pictures are binary frames (`packing.py`): a header, then the float32 numbers that
// it points into. A test holds the server to these types, names and kinds both ways, so write them as types that it can read: literals, names of
// these files, `T[]`, `[A, B]`, `Record<string, T>`, `|`. A name in brackets need not be there.

export {};

// --- What messages are made of ---

/**
 * A range by axis, in Plotly's units: exponents of 10 where an axis is logarithmic.
 * @typedef {Record<string, number[]>} Ranges
 */

/**
 * What is chosen by its `kind`: a task family or a network, with settings of its own.
 * @typedef {Record<string, unknown>} Kinded
 */

/**
 * A run's settings, by the names that `RunConfig` has.
 * @typedef {object} Config
 * @property {Kinded} tasks
 * @property {Kinded} model
 * @property {"maml" | "anil" | "meta_sgd" | "meta_curvature" | "reptile" | "imaml"} algorithm
 * @property {number} alpha
 * @property {number | null} test_alpha Null for that of training.
 * @property {number} num_inner_steps
 * @property {"second" | "first"} order
 * @property {number} beta
 * @property {"adam" | "sgd"} outer_optimizer
 * @property {[number, number]} adam_betas
 * @property {number} adam_eps
 * @property {number | null} clip_norm
 * @property {"learned" | "shared" | "zeroed"} head
 * @property {boolean} multi_step_loss
 * @property {boolean} per_step_rates
 * @property {boolean} anneal_order
 * @property {boolean} anneal_beta
 * @property {number} epoch_steps
 * @property {number} num_epochs
 * @property {number} multi_step_epochs
 * @property {number} first_order_epochs
 * @property {number} final_beta
 * @property {number} proximal
 * @property {number} num_solver_steps
 * @property {boolean} recompute
 * @property {"batch" | "support" | "running"} batch_norm_treatment
 * @property {boolean} per_step_norm
 * @property {boolean} per_step_statistics
 * @property {number} norm_momentum
 * @property {number} shots
 * @property {number} num_query
 * @property {number} meta_batch_size
 * @property {number | null} num_training_tasks Null for tasks without end.
 * @property {number} weights_seed
 * @property {number} tasks_seed
 * @property {number} evaluation_seed
 * @property {number} evaluation_tasks
 * @property {number} evaluation_steps
 * @property {number} evaluate_every
 * @property {boolean} joint_baseline
 * @property {boolean} oracle_baseline
 * @property {"float32" | "float64"} dtype
 */

/**
 * A figure as Plotly takes it, without numbers.
 * @typedef {object} Figure
 * @property {PlotlyTrace[]} data
 * @property {PlotlyLayout} layout Its `meta` is for the card.
 */

/**
 * What a card shows beside its figure.
 * @typedef {object} Meta
 * @property {string} title
 * @property {string} hint A first subtitle.
 * @property {Help} help
 * @property {Palette} palette
 * @property {string[]} traces Names of the figure's traces, by which frames fill them, in the order in which they lie.
 */

/**
 * What a card and its parts are.
 * @typedef {object} Help
 * @property {string} text
 * @property {Record<string, string>} legend By the names of its entries, as Plotly has them.
 * @property {Record<string, string[]>} shorter Names of entries for ever less room, of those that have such, as Plotly has them.
 * @property {[string, string][]} terms Each with what it is.
 */

/**
 * Colours of a theme by their meaning, as CSS hex strings (`dashboard/theme.py`).
 * @typedef {object} Palette
 * @property {string} page
 * @property {string} text
 * @property {string} muted
 * @property {string} grid
 * @property {string} support
 * @property {string} query
 * @property {string} query_pale
 * @property {string} theta_0
 * @property {string} theta_N
 * @property {string} truth
 * @property {string} joint
 * @property {string} random
 * @property {string} oracle
 * @property {string} scratch
 * @property {string} beside
 * @property {string} ghost
 * @property {string} stable
 * @property {string} caution
 * @property {string} unstable
 * @property {string} negative
 * @property {string} positive
 * @property {string} selected
 * @property {string[]} best_to_worst
 * @property {string[]} along
 * @property {string[]} classes
 */

/**
 * The figures of one screen by chart, for both palettes.
 * @typedef {object} Figures
 * @property {"figures"} type
 * @property {Record<string, Figure>} light
 * @property {Record<string, Figure>} dark
 */

/** @typedef {"x" | "y" | "z" | "marker.color" | "marker.size" | "error_y.array" | "error_y.arrayminus" | "customdata" | "text"} Filled What of a trace has numbers. */

/**
 * Numbers of a frame: chart, name of the trace, what of it, offset and length in floats.
 * @typedef {[string, string, Filled, number, number]} Stretch
 */

/**
 * The first message of a socket.
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} run_key By which a reload finds the run again; in a class, the student's place in it.
 * @property {string} tab By which the tab's saved runs are found.
 */

/**
 * The server does not know the page's token: it was started again.
 * @typedef {object} Gone
 * @property {"gone"} type
 */

/**
 * The page's requests up to this number, of its own counting, were taken. It comes behind what a new socket is told first, and after each request.
 * @typedef {object} Taken
 * @property {"taken"} type
 * @property {number} request 0 where none of this sender was.
 */

/**
 * The answer to a ping.
 * @typedef {object} Pong
 * @property {"pong"} type
 */

/** @typedef {Welcome | Gone | Taken | Pong} OfSocket */

/**
 * Something was refused, and why.
 * @typedef {object} Refusal
 * @property {"error"} type
 * @property {string} message
 */

/**
 * Something was refused on a live page, and why.
 * @typedef {object} LiveRefusal
 * @property {"error"} type
 * @property {string} message
 * @property {number} [id] The number under which it was asked for, if it was under one.
 */

// --- What every page sends ---
//
// To all that a person asks for the socket adds its number as `request`, and sends it again over the next connection if it was not taken.

/**
 * The first message of a socket.
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {string} resume The key of the run that the tab had.
 * @property {boolean} [released] The tab left its page, as a reload does.
 * @property {string} [tab]
 * @property {string} [sender] Whose requests have the numbers.
 * @property {string} [home] In a lesson or a class: the key of the run that the tab has on Live.
 */

/**
 * A frame is on the screen.
 * @typedef {object} Ack
 * @property {"ack"} type
 * @property {number} frame
 */

/**
 * Asks for a word, by which the page knows that somebody is there.
 * @typedef {object} Ping
 * @property {"ping"} type
 */

/**
 * @typedef {object} Visible
 * @property {"visible"} type
 * @property {boolean} visible
 */

// --- Frames, as the page has them ---

/**
 * @template Header
 * @typedef {{ header: Header, floats: Float32Array<ArrayBuffer> }} Frame
 */
