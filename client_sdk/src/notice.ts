/** Is this a notice: shown to the person, and saying something? Truthy or falsy. What nobody can see or read is none (RULES 15). */
export function isNotice(element: any): unknown {
  return element?.getClientRects()[0] && /\S/.test(element.shadowRoot?.textContent || element.innerText);
}
