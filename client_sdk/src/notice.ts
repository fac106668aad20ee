/** Is this a notice: shown to the person, and saying something? What nobody can see or read is none (RULES 15). */
export function isNotice(element: any): boolean {
  const shown = element && (element.checkVisibility?.({ visibilityProperty: true }) ?? element.getClientRects()[0]);
  return !!shown && /\S/.test((element.shadowRoot || element).textContent);
}
