/** A field that is not right, with the sentence that says so. */
export class FieldError extends Error {
  /**
   * @param {string} message
   * @param {Element|null} field
   */
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}
