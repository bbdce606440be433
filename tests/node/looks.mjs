// Looks at pages in a browser that is installed: takes pictures, and says what a person would stumble over.
//
// Started with the browser's path. Reads lines of JSON from standard input: {html, width, dark, images,
// picture}; html is a page, picture a file for the screenshot. Answers each with one line of JSON.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const AXE = require.resolve("axe-core/axe.min.js");
const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await look(JSON.parse(line))) + "\n");
}
await browser.close();

async function look({ html, width, dark, images, picture }) {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? "dark" : "light",
    deviceScaleFactor: 1,
  });
  const requests = [];
  await context.route("**/*", (route) => {
    requests.push(route.request().url());
    return route.abort();
  });
  const page = await context.newPage();
  const shown = images ? html : html.replace(/src="data:[^"]*"/g, 'src="https://blocked.invalid/x.png"');
  await page.setContent(shown, { waitUntil: "load" });
  if (picture) await page.screenshot({ path: picture, fullPage: true });
  const seen = await page.evaluate(examine);
  // A second opinion, of a library that knows more rules.
  await page.addScriptTag({ path: AXE });
  const axe = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21aa"] },
    });
    const told = (one) => ({ rule: one.id, at: one.nodes.map((node) => node.html.slice(0, 200)) });
    return { violations: result.violations.map(told), passes: result.passes.map((one) => one.id) };
  });
  await context.close();
  return { ...seen, axe, requests: requests.filter((url) => !url.startsWith("data:")) };
}

// Runs in the page: it sees what was laid out, not what was written.
function examine() {
  const channels = (color) => {
    const parts = color.match(/[\d.]+/g).map(Number);
    return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
  };
  // What lies behind an element: backgrounds from the outermost to its own, one over the other.
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.push(channels(getComputedStyle(one).backgroundColor));
    }
    const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, { rgb, alpha }) => below.map((c, i) => c * (1 - alpha) + rgb[i] * alpha), canvas);
  };
  // Relative luminance and contrast ratio as in WCAG 2.2.
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (!text || !element.checkVisibility({ opacityProperty: true }) || box.width === 0) continue;
    const style = getComputedStyle(element);
    texts.push({
      text: text.slice(0, 60),
      size: parseFloat(style.fontSize),
      contrast: contrast(channels(style.color).rgb, behind(element)),
      outside: box.right > innerWidth + 0.5 || box.left < -0.5,
    });
  }
  const images = [...document.images].map((one) => ({
    alt: one.alt,
    loaded: one.naturalWidth > 0,
    width: one.getBoundingClientRect().width,
    height: one.getBoundingClientRect().height,
  }));
  return {
    texts,
    images,
    language: document.documentElement.lang,
    headings: [...document.querySelectorAll("h1, h2, h3")].map((one) => one.tagName),
    links: [...document.links].map((one) => one.href),
    width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    viewport: innerWidth,
    shown: document.body.innerText,
  };
}
