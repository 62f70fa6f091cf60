// Bundles src/ into one file, page.html: no other file, nothing loaded at run time.
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const kLicences = ['uplot'];

async function bundle(entry) {
  const result = await build({
    entryPoints: [entry], bundle: true, minify: true, write: false,
    format: 'iife', target: ['chrome105', 'firefox105', 'safari15.4'], charset: 'ascii',
    legalComments: 'none', logLevel: 'warning',
  });
  return result.outputFiles[0].text.trim();
}

/** Inside <script> and <style> only their own end tag ends them. */
function inElement(text, element) {
  const pattern = new RegExp(`</${element}|<!--`, 'i');
  if (pattern.test(text)) throw new Error(`the bundle contains the end of <${element}>`);
  return text;
}

function licences() {
  return kLicences.map((name) => {
    const text = readFileSync(`node_modules/${name}/LICENSE`, 'utf8').replaceAll('*/', '* /');
    return `/*! This page contains ${name}:\n${text.trim()}\n*/\n`;
  }).join('');
}

const script = inElement(licences() + await bundle('src/main.js'), 'script');
const style = inElement(await bundle('src/page.css'), 'style');
const page = readFileSync('src/page.html', 'utf8')
  .replace('/*@style@*/', () => style)
  .replace('/*@script@*/', () => script);
const strange = page.match(/[^\n\x20-\x7e]/u);
if (strange) throw new Error(`page.html must be ASCII, has ${JSON.stringify(strange[0])}`);
if (page.includes(')page"')) throw new Error('page.html contains the end of the literal');
if (page.split('@VOUCH_REPORT_DATA@').length !== 2) throw new Error('one place for data, please');
writeFileSync('page.html', page);
