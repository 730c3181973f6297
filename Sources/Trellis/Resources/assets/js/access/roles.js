// The roles, and what each of them allows: the columns of the tables.

export const COLUMNS = ["View", "Plan", "Apply", "Settings", "State", "Grant"];

/** @type {Record<string, {summary: string, allows: string[]}>} */
export const ROLES = {
  viewer: { summary: "Sees vines, jobs, logs and changes", allows: ["View"] },
  planner: { summary: "Creates plans", allows: ["View", "Plan"] },
  operator: { summary: "Applies, cancels, changes variables", allows: ["View", "Plan", "Apply"] },
  maintainer: { summary: "Changes settings, breaks locks, gives up jobs", allows: ["View", "Plan", "Apply", "Settings"] },
  admin: { summary: "Everything, and grants roles", allows: COLUMNS },
  "state:read": { summary: "Downloads states, which hold secrets. Given on its own, on top of any role.", allows: ["State"] },
};
