// Where the page's server is: scripts lie below its own address, whatever stands before that.

/**
 * The address of something on the server. A proxy may put a path before all of it, and only the address of this script tells.
 *
 * @param {string} path Below the server's own address, without a slash at its beginning.
 */
export function ofServer(path) {
  return new URL(path, rootOf(import.meta.url, location.href));
}

/**
 * The address that a server's own paths are below.
 *
 * @param {string} script The address of one of its scripts.
 * @param {string} page Taken where that tells nothing, as in tests.
 */
export function rootOf(script, page) {
  const at = script.lastIndexOf("/maml/web/");
  return at < 0 ? page : script.slice(0, at + 1);
}
