// Menus of buttons with `data-menu`: in the top layer, so that no panel cuts them off.

import { all } from "./dom.js";

/** Opens and closes the menus whose buttons stand in `root`. @param {ParentNode} root */
export function bindMenus(root) {
  for (const button of all("[data-menu]", root)) {
    const menu = document.getElementById(button.dataset.menu);
    if (menu) bind(button, menu);
  }
}

function bind(button, menu) {
  const items = () => all("[role^=menuitem]", menu).filter((item) => !item.hidden);
  const isOpen = () => menu.matches(":popover-open");

  const close = (back = false) => {
    if (!isOpen()) return;
    menu.hidePopover();
    button.setAttribute("aria-expanded", "false");
    if (back) button.focus();
  };
  const open = () => {
    menu.showPopover();
    place(button, menu);
    button.setAttribute("aria-expanded", "true");
    items()[0]?.focus();
  };

  button.addEventListener("click", () => (isOpen() ? close(true) : open()));
  button.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !isOpen()) { event.preventDefault(); open(); }
  });
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
    // A check box stays open for the next one.
    if (item && item.getAttribute("role") === "menuitem") close(true);
  });
  addEventListener("pointerdown", (event) => {
    if (isOpen() && !menu.contains(event.target) && !button.contains(event.target)) close();
  });
  addEventListener("resize", () => close());
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
