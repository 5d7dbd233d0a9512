// The messages of a class, both ways, written as `common/protocol.js` says: part of those of the live page.

/** @import { Prediction } from "../live/protocol.js" */

export {};

// --- What the server sends ---

/**
 * What a class is asked.
 * @typedef {object} ClassQuestion
 * @property {number} number How many it was asked, with this one.
 * @property {Prediction} prediction With the answer of whoever sees the page.
 * @property {boolean} revealed
 * @property {number} answered How many have; 0 for students before all see it.
 * @property {number[]} counts Of each option, or of equal parts of the axis; empty for students before all see it.
 */

/**
 * The class that the page teaches or follows.
 * @typedef {object} ClassState
 * @property {"class"} type
 * @property {string} code
 * @property {boolean} teaches
 * @property {boolean} here Whether the teacher's page is connected.
 * @property {boolean} follows Whether the page shows what the teacher's shows.
 * @property {"teacher" | "mine" | "student" | "away"} dials Who has them; away is a student who is not there.
 * @property {boolean} hand Whether its student has raised a hand.
 * @property {number} hands How many have; for the teacher.
 * @property {number} students How many are there; for the teacher.
 * @property {string} address By which others come in; for the teacher.
 * @property {string} picture The same as a QR code, the address of an image; for the teacher.
 * @property {ClassQuestion | null} question
 */

/**
 * The class has ended.
 * @typedef {object} ClassOver
 * @property {"class_over"} type
 */

/**
 * A copy of the class's run stands on the student's own page.
 * @typedef {object} ClassCopied
 * @property {"class_copied"} type
 */

// --- What the page sends ---

/**
 * Starts a class.
 * @typedef {object} ClassStart
 * @property {"class_start"} type
 * @property {string} address Of this page without its query, as others can reach it.
 */

/**
 * Asks a class to choose.
 * @typedef {object} ClassAskChoice
 * @property {"class_ask"} type
 * @property {"choice"} kind
 * @property {string} question
 * @property {string[]} options
 */

/**
 * Asks a class for a number on an axis.
 * @typedef {object} ClassAskNumber
 * @property {"class_ask"} type
 * @property {"number"} kind
 * @property {string} question
 * @property {number} low
 * @property {number} high
 * @property {string} unit
 */

/**
 * Gives the dials to a student: to the first who raised a hand, or to any.
 * @typedef {object} ClassGive
 * @property {"class_give"} type
 * @property {"hand" | "any"} to
 */

/**
 * Raises a hand, or takes it down.
 * @typedef {object} ClassHand
 * @property {"class_hand"} type
 * @property {boolean} up
 */

/**
 * Answers the teacher's question.
 * @typedef {object} ClassAnswer
 * @property {"class_answer"} type
 * @property {number} number Of the question.
 * @property {number | number[]} answer
 */

/** @typedef {{ type: "class_end" | "class_ask_step" | "class_reveal" | "class_close" | "class_take" | "class_follow" | "class_copy" }} ClassPress */
