// Where the page's server is: scripts lie below its own address, whatever stands before that.

/**
 * The address of something on the server. A proxy may put a path before all of it, and only the address of this script tells.
 *
 * @param {string} path Below the server's own address, without a slash at its beginning.
 */
export function ofServer(path) {
  const self = import.meta.url;
  return new URL(path, self.slice(0, self.lastIndexOf("/maml/web/") + 1));
}
