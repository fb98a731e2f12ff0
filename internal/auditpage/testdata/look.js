// Complaints about what is on the screen: text that is hard to read against what is behind it, controls and drawings
// without a name, attributes that carry style or code, links that lead elsewhere, a page wider than its window.
(() => {
  const complaints = new Set();
  const channels = (color) => (/^rgba?\(/.test(color) ? color.match(/[\d.]+/g).map(Number) : null);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  const opaque = (color) => color && (color.length === 3 || color[3] === 1);
  const behind = (x, y, text) => {
    for (const element of document.elementsFromPoint(x, y)) {
      const style = getComputedStyle(element);
      const color =
        element instanceof SVGElement
          ? element.tagName === "rect"
            ? channels(style.fill)
            : null
          : channels(style.backgroundColor);
      if (element !== text && opaque(color)) return color;
    }
    return [255, 255, 255];
  };
  let measured = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const element = node.parentElement;
    if (
      !node.data.trim() ||
      !element.checkVisibility() ||
      element.closest("script, style, noscript, title, option, .hidden, .skip, :disabled")
    )
      continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const at = range.getClientRects()[0];
    if (!at || at.width < 1 || at.height < 1) continue;
    const style = getComputedStyle(element);
    const color = channels(element instanceof SVGElement ? style.fill : style.color);
    const ratio = contrast(color, behind(at.x + at.width / 2, at.y + at.height / 2, element));
    measured++;
    if (ratio < 4.5)
      complaints.add(
        `contrast ${ratio.toFixed(2)} of ${JSON.stringify(node.data.slice(0, 30))} in ${element.tagName}.${element.getAttribute("class")}`,
      );
  }
  if (measured < 12) complaints.add(`only ${measured} texts were looked at`);
  for (const element of document.querySelectorAll("*")) {
    for (const { name } of element.attributes)
      if (name === "style" || name.startsWith("on")) complaints.add(`${element.tagName} has the attribute ${name}`);
    const href = element.getAttribute("href");
    if (element.tagName === "A" && !/^(#|https:\/\/mlflow\.example\/#\/)/.test(href))
      complaints.add(`a link leads to ${href}`);
    const named = element.getAttribute("aria-label") || element.labels?.length > 0 || element.textContent.trim();
    if (/^(INPUT|SELECT|BUTTON|A)$/.test(element.tagName) && !named)
      complaints.add(`${element.tagName} without a name`);
    if (element.tagName === "svg" && element.getAttribute("role") === "img" && !element.getAttribute("aria-label"))
      complaints.add("a drawing without a name");
  }
  if (document.querySelectorAll("h1").length !== 1) complaints.add("not one h1");
  if (document.querySelectorAll("script").length !== 1) complaints.add("a script that is not the page's own");
  if (document.documentElement.scrollWidth > innerWidth)
    complaints.add(`${document.documentElement.scrollWidth} pixels wide in a window of ${innerWidth}`);
  return [...complaints];
})();
