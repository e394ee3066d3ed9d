#!/usr/bin/env node
// `starling …` from a clone, which is installed and built first when that is needed.
import { main } from '../scripts/run.mjs';

await main(['starling', ...process.argv.slice(2)]);
