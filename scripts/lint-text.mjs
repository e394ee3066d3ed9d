// Lints texts as if they stood in the given files. In: [{file, text}] as JSON; out: per text `rule:line` of each fault.
// A process of its own, because Jest cannot load an ES module configuration.
import { readFileSync } from 'node:fs';
import { ESLint } from 'eslint';

const eslint = new ESLint();
const broken = [];
for (const { file, text } of JSON.parse(readFileSync(0, 'utf8'))) {
  const results = await eslint.lintText(text, { filePath: file });
  if (results.length === 0) throw new Error(`${file} is not linted at all`);
  broken.push(results[0].messages.map(({ ruleId, message, line }) => `${ruleId ?? message}:${line}`));
}
process.stdout.write(JSON.stringify(broken));
