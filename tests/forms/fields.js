// Every control of the page in the order of its tree, shadow roots and same-origin frames included.
() => {
  const found = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) walk(element.shadowRoot);
      if (/^i?frame$/.test(element.localName)) {
        try {
          if (element.contentDocument) walk(element.contentDocument);
        } catch {
          // Another origin's: nobody can see into it.
        }
      }
      if (element.matches("input,select,textarea,button")) found.push(element);
    }
  };
  walk(document);
  return found;
};
