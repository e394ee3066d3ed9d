import type { ClockSetting } from './clock';
import { installDetours, type Detour } from './network-shim';
import { CLOCK_VARIABLE, DETOURS_VARIABLE } from './preload-variables';
import { installSimulatedTime } from './simulated-time';

// Loaded into child processes with `node -r`, before anything of theirs.
const clock = process.env[CLOCK_VARIABLE];
if (clock) installSimulatedTime(JSON.parse(clock) as ClockSetting);
const detours = process.env[DETOURS_VARIABLE];
if (detours) installDetours(JSON.parse(detours) as Detour[]);
