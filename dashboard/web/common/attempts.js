// What may fail for a moment, done once more.

/**
 * Does something, and after a failure once more after each of these waits.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @param {number[]} waits In milliseconds.
 * @returns {Promise<T>} Fails as the last attempt does.
 */
export async function attempted(action, waits) {
  for (const wait of waits) {
    try {
      return await action();
    } catch {
      await new Promise((done) => setTimeout(done, wait));
    }
  }
  return action();
}
