// The messages of the live page's socket, both ways, written as `common/protocol.js` says.

/** @import { ClassAnswer, ClassAskChoice, ClassAskNumber, ClassCopied, ClassGive, ClassHand, ClassOver, ClassPress, ClassStart, ClassState } from "../class/protocol.js" */
/** @import { Ack, Config, Figures, Gone, LiveRefusal, Pong, Ranges, Stretch, Taken, Visible, Welcome } from "../common/protocol.js" */

export {};

// --- What the server sends ---

/**
 * @typedef {object} Status
 * @property {"ready" | "running" | "waiting" | "paused" | "diverged" | "dead" | "replaying" | "ended"} kind Ended is no word of the server's: a page that followed a class stays behind so.
 * @property {string} sentence Empty where nothing is to be said.
 */

/**
 * The demonstration task's sliders.
 * @typedef {object} TaskShape
 * @property {number | null} amplitude
 * @property {number | null} phase_rad
 * @property {number | null} frequency
 * @property {number[]} amplitude_range
 * @property {number[]} phase_range
 * @property {number[] | null} frequency_range Null where tasks have no frequency.
 */

/**
 * What the page needs for drawing images: whether a drawn task is shown, the hand, and what the server accepts.
 * @typedef {object} OwnHand
 * @property {boolean} active
 * @property {[number, number, number]} shape Channels, height, width.
 * @property {number} max_classes
 * @property {number} max_examples
 * @property {number} share Of the image that a character takes.
 * @property {number} width Of a stroke, in pixels.
 * @property {boolean} dark Dark strokes on light paper.
 * @property {boolean} ink Strokes have the colour of the page's text.
 * @property {string} called
 * @property {string} note
 */

/**
 * What the page needs for points of one's own.
 * @typedef {object} PointsState
 * @property {boolean} active Whether they are shown in the demonstration task's place.
 * @property {string} words What was read of them; empty where none are shown.
 * @property {string} back What the way back to a generated task is called.
 */

/**
 * What the page offers of a shared run.
 * @typedef {object} Offer
 * @property {"jump" | "shared"} kind
 * @property {number} step
 */

/**
 * Where the server can be reached.
 * @typedef {object} Reach
 * @property {boolean} local_only
 * @property {string | null} lan
 */

/**
 * One switch: its name, whether it makes a difference now, and what it does.
 * @typedef {[string, boolean, string]} Acting
 */

/**
 * Step sizes from which a quadratic overshoots on a tenth of the tasks, and on nine tenths.
 * @typedef {object} Limits
 * @property {number} low
 * @property {number} high
 */

/**
 * What holds at the next outer step.
 * @typedef {object} Now
 * @property {"first" | "second"} order
 * @property {number} beta
 * @property {boolean} multi_step
 * @property {number | null} rate Median learned rate.
 * @property {Limits | null} limits Null until they were measured.
 * @property {Acting[]} acting
 */

/**
 * A change of the settings that the loss chart marks.
 * @typedef {object} Mark
 * @property {number} step
 * @property {string} text
 */

/**
 * A run before this one, of which the loss chart has a line.
 * @typedef {object} Ghost
 * @property {number} number By which it is called, from 1.
 * @property {string} trace
 * @property {string} dash
 * @property {string} name What it has otherwise than the run.
 * @property {string} sentence
 * @property {boolean} shown
 */

/**
 * What the run can be compared with, and what it is compared with.
 * @typedef {object} Compared
 * @property {[string, string][]} options What is asked for by, and its name.
 * @property {string | null} other Null where it is compared with nothing.
 * @property {string} name Of the second run.
 * @property {string} own What the run itself is called beside it.
 */

/**
 * Patches of a chart's layout, for both palettes.
 * @typedef {object} LayoutPatch
 * @property {Record<string, unknown>} light
 * @property {Record<string, unknown>} dark
 */

/**
 * Where the page stands in the next outer step, which is taken apart.
 * @typedef {object} Apart
 * @property {"tasks" | "inner" | "query" | "back" | "mean" | "update" | null} kind Null while it is being taken apart.
 * @property {number | null} k Inner step that the charts show.
 * @property {string} title
 * @property {string} words
 * @property {number} stage
 * @property {number} stages
 * @property {string} within Where it stands within the stage; empty where there is nothing to say.
 * @property {boolean} is_first
 * @property {boolean} is_last
 */

/**
 * What is asked before a result may be seen. Answers are the place of an option, a number, or the values of a curve.
 * @typedef {object} Prediction
 * @property {"choice" | "number" | "curve"} kind
 * @property {string} question
 * @property {string[]} options
 * @property {string} unit
 * @property {number} low
 * @property {number} high
 * @property {boolean} logarithmic
 * @property {string} x_label
 * @property {number} num_points
 * @property {(number | null)[]} given Empty before it is answered.
 * @property {(number | null)[] | null} truth Null before the step is done; empty where it was not measured.
 */

/**
 * Where the page stands in a lesson.
 * @typedef {object} Lesson
 * @property {string} name
 * @property {number} seed
 * @property {string} title
 * @property {number} step From 0.
 * @property {number} steps
 * @property {string} text
 * @property {string[]} lit Charts, settings, `play`, `task` and `formulas` that are pointed at.
 * @property {string} button What to do; empty where there is nothing to do.
 * @property {"train" | "set" | "task" | "inner" | null} action
 * @property {number} times How often, of `task` and `inner`.
 * @property {number} count How often it was done.
 * @property {number | null} until The outer step to train to.
 * @property {string[]} covered Charts that would show what is asked and was not answered.
 * @property {boolean} asks Whether an answer is waited for.
 * @property {boolean} done
 * @property {"training" | "measuring" | null} busy
 * @property {string} idle Why nothing can be trained now; empty where it can.
 * @property {Prediction | null} prediction
 * @property {string} verdict
 * @property {string} found As the verdict, without a word on the guess: for those who follow another's lesson.
 * @property {boolean | null} right
 * @property {string} note How what the verdict says differs from what charts show, or that it compares with a step that was passed over; empty for neither.
 * @property {boolean} free Whether all is done, and the run played on with.
 * @property {string} transfer A question to carry on with, at the end.
 * @property {string} answer
 */

/**
 * All of a run that is no number of a chart.
 * @typedef {object} State
 * @property {"state"} type
 * @property {string} run
 * @property {boolean} computing
 * @property {boolean} playing
 * @property {number} step
 * @property {Status} status
 * @property {string} notice A sentence to show once.
 * @property {Config} config
 * @property {Record<string, [number, number]>} ranges Of the dials.
 * @property {TaskShape | null} task
 * @property {OwnHand | null} own
 * @property {PointsState | null} points Null where tasks are no curves over one x.
 * @property {number | null} speed Outer steps a second; null as fast as it goes.
 * @property {string} share The query of the run's address.
 * @property {string} idea
 * @property {string} invitation What to do now; empty where something else says so.
 * @property {Offer | null} offer
 * @property {Reach | null} reach
 * @property {Record<string, string>} locked Why dials cannot be moved.
 * @property {number} left How many runs were left for another one.
 * @property {number | null} before The outer step of the run before a restart.
 * @property {"loss" | "accuracy" | null} metric
 * @property {string[]} charts
 * @property {string} tasks_chart What stands in the place of the held-out tasks: these, or a second closer look.
 * @property {Record<string, string>} empty Why charts have nothing to show.
 * @property {string[]} tensors
 * @property {string[]} layers
 * @property {number | null} then The earlier outer step that the charts show, or soon will; null for now.
 * @property {Apart | null} apart Null unless the page goes through an outer step.
 * @property {Lesson | null} lesson Null where the page is in none.
 * @property {Compared} beside
 * @property {Ghost[]} ghosts The newest last.
 * @property {number} removals How many times ghosts were removed.
 * @property {string | null} removed The ghosts of the last time, in words; null where they cannot be brought back.
 * @property {Mark[]} marks
 * @property {Record<string, LayoutPatch>} [layout]
 * @property {Now} [now] With another run than before.
 * @property {boolean} controls_changed The sidebar shows settings that are no longer the run's.
 */

/**
 * What was looked at besides the run.
 * @typedef {object} MomentView
 * @property {string} chart In the place of the paths.
 * @property {string} [tasks_chart] In the place of the held-out tasks; what an earlier version saved has none.
 * @property {"loss" | "accuracy"} metric
 * @property {number[] | null} task What defines the demonstration task; null where it was drawn.
 * @property {number} draw Which one was drawn.
 */

/**
 * A moment that was saved, as the page keeps it.
 * @typedef {object} SavedMoment
 * @property {"moment"} type
 * @property {number} step
 * @property {string} address Of the run up to there: its start and its changes.
 * @property {number} alpha
 * @property {number} num_inner_steps
 * @property {MomentView} view
 */

/**
 * How far a jump is.
 * @typedef {object} Progress
 * @property {"progress"} type
 * @property {number} step
 */

/**
 * Images of the generated task, as `OwnTask` has them.
 * @typedef {object} ExampleTask
 * @property {"example_task"} type
 * @property {[number, string][]} support
 * @property {string[]} query
 */

/**
 * What theta_0..theta_K say of the drawn query images.
 * @typedef {object} Answer
 * @property {number | null} always The class that theta_0 answers to every drawing, if it does.
 * @property {number} num_inner_steps
 * @property {(number | null)[][][]} probabilities [query][step][class]
 */

/**
 * The demonstration task at theta_0..theta_K.
 * @typedef {object} Steps
 * @property {number} count
 * @property {number} num_inner_steps
 * @property {(number | string | null)[]} support_loss Words for what is not finite; null where none was measured.
 * @property {(number | string | null)[]} query_loss
 * @property {(number | null)[]} [accuracy] Of classes.
 * @property {number} [offset] Of curves, one behind the other.
 * @property {number} [width] Points of a curve.
 * @property {number} [grid_offset]
 */

/**
 * The images of the demonstration task; its numbers point into the floats.
 * @typedef {object} TaskImages
 * @property {[number, number, number]} shape Channels, height, width.
 * @property {boolean} ink
 * @property {string[]} names
 * @property {number} ways
 * @property {number[]} support_labels
 * @property {number[]} query_labels
 * @property {number} probabilities
 * @property {number} filters
 * @property {[number, number, number, number]} filters_shape Tiles, channels, height, width.
 * @property {number[]} units
 * @property {number} num_units
 * @property {number} [pixels] Where the page does not have them.
 */

/**
 * The newest numbers of the status line.
 * @typedef {object} Newest
 * @property {number | null} steps_per_s
 * @property {number | null} step_ms
 * @property {number | null} training
 * @property {number | null} before
 * @property {number | null} after
 * @property {number | null} held_out_step The outer step at which the held-out tasks had those two, of which null then is what is not finite; null where they were not judged.
 */

/**
 * The header of a frame of the live page.
 * @typedef {object} LiveFrame
 * @property {number} frame
 * @property {string} run
 * @property {number} step
 * @property {number | null} then The earlier outer step that its charts show; null for now.
 * @property {Record<string, Ranges>} ranges By chart.
 * @property {Record<string, string>} summaries
 * @property {Record<string, string>} subtitles
 * @property {Steps} [steps]
 * @property {TaskImages} [images]
 * @property {Stretch[]} arrays
 * @property {Newest} numbers
 * @property {"loss" | "accuracy"} metric
 * @property {Now} now
 * @property {Answer | null} own
 * @property {string} beside How the run and the second one compare, in words; empty where there is none.
 * @property {number | null} change The newest of the page's own changes that it shows.
 */

/** @typedef {Welcome | Gone | Taken | Pong | LiveRefusal | Figures | State | Progress | SavedMoment | ExampleTask | ClassState | ClassOver | ClassCopied} LiveMessage */

// --- What the page sends ---

/**
 * Whether the run pauses while the page is hidden.
 * @typedef {object} PauseHidden
 * @property {"pause_hidden"} type
 * @property {boolean} on
 */

/**
 * New values of live settings.
 * @typedef {object} SetChanges
 * @property {"set"} type
 * @property {Record<string, number>} changes
 * @property {number | null} [drag] Number of the drag that they belong to.
 * @property {number} [id]
 */

/** @typedef {{ type: "play" | "pause" | "outer_step" | "reset" | "reset_all" | "keep_moment" | "undo" | "jump" | "shared" | "branch" | "apart" | "apart_close" | "apart_do" | "restore_ghosts" | "lesson_act" | "lesson_free" }} Press */

/**
 * Shows a ghost, or hides it.
 * @typedef {object} ShowGhost
 * @property {"ghost"} type
 * @property {number} number
 * @property {boolean} shown
 */

/**
 * Trains a second run beside this one, with one thing changed.
 * @typedef {object} Compare
 * @property {"compare"} type
 * @property {string | null} other What is changed; null for no second run any more.
 */

/**
 * Removes a ghost, or all.
 * @typedef {object} RemoveGhosts
 * @property {"remove_ghosts"} type
 * @property {number | null} number Null for all.
 */

/**
 * @typedef {object} RunUntil
 * @property {"run_until"} type
 * @property {number} step
 */

/**
 * Shows the kept outer step nearest to one; null for now.
 * @typedef {object} GoTo
 * @property {"travel"} type
 * @property {number | null} step
 */

/**
 * Shows the kept outer step before the one that is shown, or the one after it.
 * @typedef {object} GoBy
 * @property {"travel_by"} type
 * @property {number} by 1 or -1.
 */

/**
 * Shows a moment that was saved.
 * @typedef {object} OpenMoment
 * @property {"open_moment"} type
 * @property {number} step
 * @property {string} address
 * @property {MomentView} view
 */

/**
 * Shows the next stage of the outer step that is taken apart, or the one before.
 * @typedef {object} ApartBy
 * @property {"apart_by"} type
 * @property {number} by 1 or -1.
 */

/**
 * Shows another step of the lesson.
 * @typedef {object} LessonGo
 * @property {"lesson_go"} type
 * @property {number} to From 0.
 */

/**
 * Predicts what the step will show.
 * @typedef {object} LessonAnswer
 * @property {"lesson_answer"} type
 * @property {number | number[]} answer
 */

/**
 * @typedef {object} Speed
 * @property {"speed"} type
 * @property {number | null} steps_per_s
 */

/**
 * @typedef {object} ChooseMetric
 * @property {"metric"} type
 * @property {"loss" | "accuracy"} metric
 */

/**
 * Which of the charts that share one place is shown there, or what stands in the place of the held-out tasks: these, or a second closer look.
 * @typedef {object} ChooseChart
 * @property {"weights_chart" | "tasks_chart"} type
 * @property {string} chart By its id.
 */

/**
 * Another demonstration task.
 * @typedef {object} NewTask
 * @property {"task"} type
 * @property {true} redraw
 */

/**
 * A demonstration task of one's own.
 * @typedef {object} ShapeTask
 * @property {"task"} type
 * @property {number} amplitude
 * @property {number} phase_rad
 * @property {number} [frequency] Of tasks that have one.
 */

/**
 * A drawn task: pairs of a class and an image, and query images; an image is the base64 of its bytes.
 * @typedef {object} OwnTask
 * @property {"own_task"} type
 * @property {[number, string][]} support
 * @property {string[]} query
 * @property {number} [id]
 */

/**
 * Back to a generated task.
 * @typedef {object} ClearOwnTask
 * @property {"own_task"} type
 * @property {true} clear
 * @property {number} [id]
 */

/**
 * Points of one's own as a task.
 * @typedef {object} OwnPoints
 * @property {"own_points"} type
 * @property {string} text A pair x, y a line.
 * @property {boolean} hold_back Every third point is a query.
 * @property {number} [id]
 */

/**
 * Back to a generated task.
 * @typedef {object} ClearOwnPoints
 * @property {"own_points"} type
 * @property {true} clear
 * @property {number} [id]
 */

/**
 * Asks for images to start from.
 * @typedef {object} AskExample
 * @property {"example_task"} type
 * @property {number} [id]
 */

/** @typedef {Ack | Visible | PauseHidden | SetChanges | Press | ShowGhost | Compare | RemoveGhosts | RunUntil | GoTo | GoBy | OpenMoment | ApartBy | LessonGo | LessonAnswer | Speed | ChooseMetric | ChooseChart | NewTask | ShapeTask | OwnTask | ClearOwnTask | OwnPoints | ClearOwnPoints | AskExample | ClassStart | ClassAskChoice | ClassAskNumber | ClassGive | ClassHand | ClassAnswer | ClassPress} LiveRequest */
