// The messages of the sensitivity screen's socket, both ways, written as `common/protocol.js` says.

/** @import { Ack, Figures, Gone, Pong, Ranges, Refusal, Stretch, Taken, Visible, Welcome } from "../common/protocol.js" */

export {};

// --- What the server sends ---

/** @typedef {number | string | boolean | null} Value */

/**
 * @typedef {object} Axis
 * @property {string} name
 * @property {string} title
 * @property {string} symbol
 * @property {Value[]} values Empty where they are drawn from a range.
 * @property {boolean} changes_tasks Whether another value of it means other held-out tasks: over these nothing is the best.
 */

/**
 * What the map and the curves show.
 * @typedef {object} View
 * @property {string} x
 * @property {string | null} y
 * @property {Record<string, Value>} slices
 * @property {"loss" | "accuracy"} metric
 * @property {string} color
 * @property {"best" | "mean"} over What stands for the settings that share a place.
 * @property {"clipped" | "whole" | "quantiles"} colors How results have their colours.
 */

/**
 * Whose theta_0 the frozen map is of.
 * @typedef {object} Frozen
 * @property {string} of
 * @property {boolean} classifies
 */

/**
 * All of a sweep that is no number of a chart; without one only the first three and `frozen`.
 * @typedef {object} Sweep
 * @property {"sweep"} type
 * @property {string | null} name
 * @property {"loss" | "accuracy"} metric
 * @property {number[]} pins
 * @property {Frozen} [frozen]
 * @property {string} [opening] That a sweep is being opened.
 * @property {string} [status]
 * @property {string} [problem]
 * @property {number} [size]
 * @property {number} [num_done]
 * @property {number} [num_steps]
 * @property {boolean} [comparing]
 * @property {boolean} [classifies]
 * @property {Axis[]} [axes]
 * @property {[number, string][]} [refused] Why settings are left out.
 * @property {View} [view]
 */

/**
 * The values of all settings: number, then a value for each axis.
 * @typedef {object} Settings
 * @property {"settings"} type
 * @property {Value[][]} settings
 */

/**
 * The address of a setting as a live run.
 * @typedef {object} SettingAddress
 * @property {"setting"} type
 * @property {number} number
 * @property {string} address
 */

/**
 * How many settings there are of each kind, and how many outer steps are done.
 * @typedef {object} Count
 * @property {number} size
 * @property {number} ok
 * @property {number} diverged
 * @property {number} pruned
 * @property {number} refused
 * @property {number} lane_steps
 * @property {number} lane_steps_left
 */

/**
 * Where a frame has a number of each setting; offsets in floats.
 * @typedef {object} Columns
 * @property {number} count
 * @property {number} kind
 * @property {number} value
 * @property {number} ci95
 * @property {number} before
 * @property {number} diverged_share
 * @property {number} worse_share
 * @property {number} limit
 * @property {number} step
 * @property {number} over_tasks Half-widths of the value's 95% interval.
 * @property {number} over_seeds
 * @property {number} difference From the setting that all are held against.
 * @property {number} difference_over_tasks
 * @property {number} difference_over_seeds
 * @property {number} verdict Of `VERDICT` in `standing.js`.
 */

/**
 * What all settings are held against.
 * @typedef {object} Standing
 * @property {number | null} reference Its number: the setting that was pinned first, or the best one; null while none was trained to the end.
 * @property {number | null} best
 * @property {number} compared How many settings were trained to the end, the diverged ones included.
 * @property {boolean} has_common_tasks Whether all settings are judged on the same held-out tasks; otherwise none is the best of all.
 * @property {number} alike How many of those compared are judged on the held-out tasks of the reference, itself among them.
 * @property {"loss" | "accuracy"} objective
 * @property {number} num_seeds
 * @property {number} seeds Where the frame has the value of each seed, setting by setting; an offset in floats.
 */

/**
 * The header of a frame of the sensitivity screen.
 * @typedef {object} SweepFrame
 * @property {number} frame
 * @property {Stretch[]} arrays
 * @property {Record<string, Ranges>} ranges
 * @property {Record<string, [number, number]>} shapes Rows and columns of heat maps.
 * @property {Record<string, string>} summaries
 * @property {Record<string, string>} subtitles
 * @property {string} [sentence]
 * @property {Count} [count]
 * @property {Columns} [columns]
 * @property {Standing} [standing]
 * @property {number | null} [best] Number of the best setting shown.
 * @property {(string | null)[]} [pins] By how much each pinned setting differs from the first.
 */

/** @typedef {Welcome | Gone | Taken | Pong | Refusal | Figures | Sweep | Settings | SettingAddress} SweepMessage */

// --- What the page sends ---

/** @typedef {{ type: "cancel" | "resume" | "compare" | "freeze" }} SweepPress */

/**
 * Another look at the sweep.
 * @typedef {object} ChooseView
 * @property {"view"} type
 * @property {string} x
 * @property {string | null} y
 * @property {Record<string, Value>} slices
 * @property {"loss" | "accuracy"} metric
 * @property {string} color
 * @property {"best" | "mean"} over
 * @property {"clipped" | "whole" | "quantiles"} colors
 */

/**
 * @typedef {object} Pin
 * @property {"pin"} type
 * @property {number[]} numbers
 */

/**
 * Asks for a setting's address.
 * @typedef {object} AskSetting
 * @property {"setting"} type
 * @property {number} number
 */

/** @typedef {Ack | Visible | SweepPress | ChooseView | Pin | AskSetting} SweepRequest */
