// What each control is, for people and for the pairing of the labelled page with the one without labels.
(found) => {
  const forms = [];
  const numbered = (form) => {
    if (!forms.includes(form)) forms.push(form);
    return forms.indexOf(form);
  };
  return found.map((element) => {
    const style = element.ownerDocument.defaultView.getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    const length = element.maxLength > 0 ? element.maxLength : element.size <= 5 && element.size > 1 ? element.size : null;
    return {
      tag: element.localName,
      type: element.type,
      name: element.name,
      id: element.id,
      form: numbered(element.form || element.getRootNode()),
      label: element.getAttribute("data-manual-scoring"),
      value: element.getAttribute("data-manual-value"),
      next: element.hasAttribute("data-manual-next"),
      visible: width > 0 && height > 0 && style.visibility === "visible" && !element.disabled && !element.readOnly,
      length: element.localName === "select" ? null : length,
      card: /\bcc-/.test(element.getAttribute("autocomplete")),
      digits: element.type === "number",
      japanese: /[ぁ-んァ-ヶ]/.test(element.ownerDocument.body.textContent),
    };
  });
};
