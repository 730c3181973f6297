// What the type checker is told beside its own library (4.8): what browsers have had since, and what a page's own
// markup promises. Elements that a page finds are its own, so their kind is not asked for again and again.

interface Array<T> {
  findLast(is: (value: T, index: number, array: T[]) => unknown): T | undefined;
  findLastIndex(is: (value: T, index: number, array: T[]) => unknown): number;
}

interface HTMLElement {
  popover: string | null;
  value: any;
  showPopover(): void;
  hidePopover(): void;
}

interface Element {
  readonly dataset: DOMStringMap;
  value: any;
  checked: boolean;
  click(): void;
  focus(options?: FocusOptions): void;
}

interface EventTarget {
  readonly tagName: string;
  closest(selectors: string): HTMLElement | null;
}

interface HTMLFormControlsCollection {
  [name: string]: any;
}

interface Node {
  contains(other: EventTarget | null): boolean;
}
