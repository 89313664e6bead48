// Called by `take`: starts `whimbrel screenshots`, and photographs each page that it names.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const [launcher, out, profile] = process.argv.slice(2);
// The pages poll for ever, so that there is no moment at which the network is idle.
const settle = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  userDataDir: profile,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const lab = spawn(launcher, ['screenshots'], { stdio: ['pipe', 'pipe', 'inherit'] });
const ended = new Promise((done) => lab.on('exit', done));

async function photograph(page, file, height) {
  await page.setViewport({ width: 1280, height });
  await settle(1500);
  await page.screenshot({ path: `${out}/${file}.png` });
  console.log(`${file}.png`);
}

async function open(page, tab) {
  await page.evaluate((text) => {
    const link = [...document.querySelectorAll('a')].find((a) => a.textContent.trim().startsWith(text));
    link.click();
  }, tab);
  await settle(4000);
}

for await (const line of createInterface({ input: lab.stdout })) {
  const [name, url] = line.split(' ');
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 1080 });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await settle(8000);
  await photograph(page, `${name}-timeline`, 1080);
  await open(page, 'User Metadata');
  await photograph(page, `${name}-details`, 1200);
  await open(page, 'Search Attributes');
  await photograph(page, `${name}-search-attributes`, 860);
  await page.close();
  lab.stdin.write('\n');
}
await browser.close();
process.exit(await ended);
