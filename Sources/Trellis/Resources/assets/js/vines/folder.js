// Files with their paths: picked one by one, picked as a folder, or dropped.

/**
 * @typedef {{path: string, file: File|null}} FoundFile without a file: a folder that is left out as a whole
 * @typedef {{files: FoundFile[], folder: string}} Found folder: the one that all of them are in, or ""
 */

/** What the server refuses: Terraform and git make it again where it is needed. @param {string} path */
export const isLeftOut = (path) => /(^|\/)(\.terraform|\.git)\//.test(path) || /\.tfstate(\.backup)?$/.test(path);

/** @param {FileList} list @returns {Found} */
export function pickedFiles(list) {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return { files: sorted(files), folder: commonFolder(files) };
}

/** @param {DataTransfer} data @returns {Promise<Found>} */
export async function droppedFiles(data) {
  // Entries exist only during the event, so get all of them before the first await.
  const entries = [...data.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (!entries.length || entries.some((entry) => !entry)) return pickedFiles(data.files);
  /** @type {FoundFile[]} */
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return { files: sorted(files), folder: entries.length === 1 && entries[0]?.isDirectory ? entries[0].name : "" };
}

/** @param {any} entry @param {FoundFile[]} files */
async function walk(entry, files) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    files.push({ path, file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }) });
    return;
  }
  if (isLeftOut(`${path}/`)) {
    files.push({ path: `${path}/`, file: null });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // it gives some at a time
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return;
    for (const child of some) await walk(child, files);
  }
}

const sorted = (files) => files.sort((a, b) => a.path.split("/").length - b.path.split("/").length || a.path.localeCompare(b.path));

function commonFolder(files) {
  const [first] = files;
  if (!first?.path.includes("/")) return "";
  const folder = first.path.split("/")[0];
  return files.every(({ path }) => path.startsWith(`${folder}/`)) ? folder : "";
}
