// Menus of buttons with `data-menu`, in the top layer so that no panel clips them.

import { all, h, icon } from "./dom.js";

/** Opens and closes the menus whose buttons are in `root`. @param {ParentNode} root */
export function bindMenus(root) {
  for (const button of all("[data-menu]", root)) {
    const menu = document.getElementById(button.dataset.menu);
    if (menu) bind(button, menu);
  }
}

/**
 * One menu for the buttons of many rows.
 * @param {HTMLElement} menu
 * @returns {(button: HTMLElement, items: {text: string, icon?: string, isDanger?: boolean, run: () => void}[]) => void} opens it
 *   under a button, or closes it where it is open there
 */
export function sharedMenu(menu) {
  /** @type {HTMLElement|null} */
  let owner = null;
  const { isOpen, open, close } = behave(menu, () => owner);
  return (button, items) => {
    const isOwn = isOpen() && owner === button;
    close(isOwn);
    if (isOwn) return;
    owner = button;
    menu.replaceChildren(...items.map((item) => h("button", { type: "button", role: "menuitem", tabindex: "-1", class: item.isDanger ? "danger" : "", on: { click: item.run } },
      item.icon ? icon(item.icon) : null, item.text)));
    open();
  };
}

function bind(button, menu) {
  const { isOpen, open, close } = behave(menu, () => button);
  button.addEventListener("click", () => (isOpen() ? close(true) : open()));
  button.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !isOpen()) { event.preventDefault(); open(); }
  });
}

/** @param {HTMLElement} menu @param {() => HTMLElement|null} owner the button that it belongs to now */
function behave(menu, owner) {
  const items = () => all("[role^=menuitem]", menu).filter((item) => !item.hidden);
  const isOpen = () => menu.matches(":popover-open");

  const close = (back = false) => {
    if (!isOpen()) return;
    menu.hidePopover();
    owner()?.setAttribute("aria-expanded", "false");
    if (back) owner()?.focus();
  };
  const open = () => {
    const button = owner();
    if (!button) return;
    menu.showPopover();
    place(button, menu);
    button.setAttribute("aria-expanded", "true");
    items()[0]?.focus();
  };

  menu.addEventListener("keydown", (event) => {
    const list = items();
    const at = list.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      list[(to + list.length) % list.length].focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      close(true);
    } else if (event.key === "Tab") {
      close();
    } else if (event.key === " " && document.activeElement?.tagName === "A") {
      event.preventDefault();
      document.activeElement.click();
    }
  });
  menu.addEventListener("click", (event) => {
    const item = event.target.closest("[role^=menuitem]");
    // The menu stays open after a check box.
    if (item && item.getAttribute("role") === "menuitem") close(true);
  });
  addEventListener("pointerdown", (event) => {
    if (isOpen() && !menu.contains(event.target) && !owner()?.contains(event.target)) close();
  });
  addEventListener("resize", () => close());
  return { isOpen, open, close };
}

function place(button, menu) {
  const edge = button.getBoundingClientRect();
  const gap = 6;
  menu.style.right = `${Math.max(8, innerWidth - edge.right)}px`;
  const below = innerHeight - edge.bottom - gap;
  const flip = menu.offsetHeight > below && edge.top > below;
  menu.style.top = flip ? "auto" : `${edge.bottom + gap}px`;
  menu.style.bottom = flip ? `${innerHeight - edge.top + gap}px` : "auto";
}
