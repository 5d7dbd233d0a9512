// How a setting stands beside the one that all are held against, in words. The numbers are the server's (`maml_core/sweeps/standing.py`).

import { percent, short, whole } from "../common/format.js";

/** @import { Standing } from "./protocol.js" */
/** @import { Setting } from "./store.js" */

export const VERDICT = { unknown: 0, reference: 1, same: 2, worse: 3, better: 4, diverged: 5, otherTasks: 6 };

/**
 * Whether all are held against the best setting, not a pinned one.
 *
 * @param {Standing} standing
 */
const isBest = ({ reference, best }) => reference === best;

/**
 * What the setting with the best value of all is called: of values on different held-out tasks the first one is the lowest, or the highest, and
 * not the best.
 *
 * @param {Standing} standing
 */
export const first = ({ has_common_tasks, objective }) => (has_common_tasks ? "best" : objective === "accuracy" ? "highest" : "lowest");

/**
 * The setting that all are held against: `the best`, or `A`.
 *
 * @param {Standing} standing
 */
const whom = (standing) => (isBest(standing) ? `the ${first(standing)}` : "A");

/**
 * A value of what the sweep optimises.
 *
 * @param {Standing} standing
 */
const written = ({ objective }) => (objective === "accuracy" ? percent : short);

/**
 * A change of it: accuracies differ by points.
 *
 * @param {Standing} standing
 */
const size = ({ objective }) => (objective === "accuracy" ? (/** @type {number} */ change) => `${(100 * change).toFixed(1)}` : short);

/**
 * The intervals of a number, each with what it is over; empty where none is known: ` ± 0.03 over tasks, ± 0.1 over 3 seeds`.
 *
 * @param {number} overTasks
 * @param {number} overSeeds
 * @param {Standing} standing
 * @param {(half: number) => string} said
 */
function intervals(overTasks, overSeeds, { num_seeds }, said) {
  const parts = [
    ...(Number.isFinite(overTasks) ? [`± ${said(overTasks)} over tasks`] : []),
    ...(Number.isFinite(overSeeds) ? [`± ${said(overSeeds)} over ${num_seeds} seeds`] : []),
  ];
  return parts.length ? ` ${parts.join(", ")}` : "";
}

/**
 * What a setting that was trained to the end came to, with its intervals: `loss 0.512 ± 0.03 over tasks, ± 0.1 over 3 seeds`.
 *
 * @param {Setting} setting
 * @param {Standing} standing
 */
export function valueWords({ value, over_tasks, over_seeds }, standing) {
  const said = written(standing);
  return `${standing.objective} ${said(value)}${intervals(over_tasks, over_seeds, standing, said)}`;
}

/**
 * The value of each seed; null with one seed, whose value is the setting's.
 *
 * @param {ArrayLike<number>} seeds
 * @param {Standing} standing
 */
export function seedWords(seeds, standing) {
  if (standing.num_seeds < 2 || !Array.from(seeds).some(Number.isFinite)) return null;
  const said = written(standing);
  return `its seeds: ${Array.from(seeds, (value) => (Number.isFinite(value) ? said(value) : "diverged")).join(", ")}`;
}

/**
 * A difference without its intervals: `+0.031`, `−2.1 points`.
 *
 * @param {number} difference
 * @param {Standing} standing
 */
export function change(difference, standing) {
  const points = standing.objective === "accuracy" ? " points" : "";
  return `${difference < 0 ? "−" : "+"}${size(standing)(Math.abs(difference))}${points}`;
}

/** @type {Record<number, string>} */
const TOLD = { [VERDICT.same]: "not told apart", [VERDICT.worse]: "worse", [VERDICT.better]: "better", [VERDICT.diverged]: "diverged", [VERDICT.otherTasks]: "other tasks" };

/**
 * What is told of a setting beside the reference, in a word; with one seed of its training alone. Empty where it is not compared.
 *
 * @param {Setting} setting
 * @param {Standing} standing
 */
export function verdict({ verdict }, standing) {
  if (verdict === VERDICT.reference) return isBest(standing) ? first(standing) : "A";
  return verdict === VERDICT.same ? "unclear" : (TOLD[verdict] ?? "");
}

/**
 * Why a verdict is another one than the intervals beside it let expect: it knows of the other settings. Empty where it is not.
 *
 * @param {Setting} setting
 * @param {Standing} standing
 */
function because({ verdict: found, difference, difference_over_tasks, difference_over_seeds }, { num_seeds, compared }) {
  if (!Number.isFinite(difference)) return "";
  const holdsZero = [difference_over_tasks, difference_over_seeds].some((half) => Math.abs(difference) <= half);
  if (found === VERDICT.same && !holdsZero) return `, among ${whole(compared)} ${num_seeds === 1 ? "trainings" : "settings"}`;
  const isTold = found === VERDICT.worse || found === VERDICT.better;
  return isTold && Math.abs(difference) <= difference_over_seeds ? ", by how the seeds of all settings scatter" : "";
}

/**
 * A setting beside the reference, paired: `+0.031 ± 0.02 over tasks, ± 0.06 over 3 seeds from the best (12): not told apart`; null where it is
 * not compared. With one seed it says that nothing is claimed of the setting.
 *
 * @param {Setting} setting
 * @param {Standing} standing
 */
export function differenceWords(setting, standing) {
  const { verdict: found, difference, difference_over_tasks, difference_over_seeds } = setting;
  const { reference, num_seeds } = standing;
  const one = num_seeds === 1 ? "one seed, so that nothing is claimed of the setting" : "";
  if (found === VERDICT.unknown || reference === null) return null;
  if (found === VERDICT.reference) {
    const among = standing.has_common_tasks ? "" : ", of settings that are judged on different held-out tasks";
    return [isBest(standing) ? whom(standing) + among : "A, which the others are held against", one].filter(Boolean).join("; ");
  }
  if (found === VERDICT.otherTasks) return "judged on other held-out tasks, so that the two values do not compare";
  const from = `${whom(standing)} (${reference})`;
  const told = `${num_seeds === 1 ? "this training is " : ""}${TOLD[found]}${because(setting, standing)}${one && `; ${one}`}`;
  if (!Number.isFinite(difference)) return `beside ${from}: ${told}`;
  const known = intervals(difference_over_tasks, difference_over_seeds, standing, size(standing));
  return `${change(difference, standing)}${known} from ${from}, paired: ${told}`;
}

/**
 * The difference for a narrow cell, with the one interval that counts: over the seeds, or with one seed over the tasks; of losses to two digits.
 *
 * @param {Setting} setting
 * @param {Standing} standing
 */
export function differenceCell({ verdict: found, difference, difference_over_tasks, difference_over_seeds }, standing) {
  if (found === VERDICT.unknown || found === VERDICT.reference || !Number.isFinite(difference)) return "–";
  const half = standing.num_seeds > 1 ? difference_over_seeds : difference_over_tasks;
  const width = standing.objective === "loss" ? short(Number(half.toPrecision(2))) : size(standing)(half);
  return `${change(difference, standing).replace(" points", "")}${Number.isFinite(half) ? ` ± ${width}` : ""}`;
}

/**
 * The heading of those that are not told apart from the reference, itself among them, and of the others.
 *
 * @param {number} count How many they are.
 * @param {Standing} standing
 */
export function groupWords(count, standing) {
  const { compared, alike, has_common_tasks, num_seeds } = standing;
  const corrected = compared > 2 ? `, corrected for ${whole(compared - 1)} comparisons` : "";
  const what = num_seeds === 1 ? "trainings" : "settings";
  const among = has_common_tasks ? `${whole(compared)} ${what}` : `${whole(alike)} ${what} with its held-out tasks`;
  const best = has_common_tasks ? "Not told apart from the best" : `Not told apart from the ${first(standing)}`;
  const said = `${isBest(standing) ? best : "Not told apart from A"}: ${whole(count)} of ${among}${corrected}.`;
  return num_seeds === 1 ? `${said} One seed: nothing is claimed of the settings.` : said;
}
