// What people are called who have a role somewhere, and places by name.

import { shortId } from "./format.js";

/** @param {{id: string, name: string}[]} vineyards @returns {(scope: string) => string} a place as people call it */
export function placeNames(vineyards) {
  const names = new Map(vineyards.map(({ id, name }) => [`vineyard:${id}`, name]));
  return (scope) => {
    if (scope === "installation") return "the installation";
    return names.get(scope) ?? (scope.startsWith("vine:") ? `vine ${shortId(scope.slice(5))}` : scope);
  };
}
