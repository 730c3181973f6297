// Where somebody was in a list: filters stand in the address; how much was loaded, and how far it was scrolled, in the
// history's entry. So *Back* and a reload lead to the same place.

/**
 * @param {import("./list.js").LiveList} list
 * @param {() => void} [onFresh] where there is no place to go back to
 */
export async function keepPlace(list, onFresh = () => {}) {
  const place = history.state?.place;
  history.scrollRestoration = "manual";
  addEventListener("pagehide", () => save(list));
  // A tab that is thrown away says no goodbye.
  addEventListener("scrollend", () => save(list));
  if (!place) {
    if (list.isLoading) await list.refresh();
    onFresh();
    return;
  }
  await list.restore(place.count);
  scrollTo(0, place.top);
}

function save(list) {
  if (list.isLoading) return;
  history.replaceState({ ...history.state, place: { count: list.items.length, top: scrollY } }, "");
}

/** Puts filters into the address, and begins at the top: another list is shown. @param {Record<string, string>} filters */
export function setFilters(filters) {
  const text = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}
