// Looks at the page as a person would: does anything stick out, is anything too faint to read?
(() => {
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const outside = [];
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 0.5 || box.left < -0.5)) {
      outside.push(element.outerHTML.slice(0, 120));
    }
    const said = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!said) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`);
  }
  return {
    faint,
    outside,
    scrolls_sideways: document.documentElement.scrollWidth > innerWidth,
    ground: getComputedStyle(document.body).backgroundColor,
    columns: getComputedStyle(document.querySelector(".pair")).gridTemplateColumns.split(" ").length,
    landmarks: ["header", "nav", "main", "footer", "h1"].filter((one) => document.querySelectorAll(one).length === 1),
    title: document.title,
    text: document.body.innerText,
  };
})()
