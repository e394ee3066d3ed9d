/** How a parent tells its children, through `local/preload.ts`, what time it is and where Azure's names lead. */
export const CLOCK_VARIABLE = 'LOCAL_AZURE_CLOCK';
export const DETOURS_VARIABLE = 'LOCAL_AZURE_DETOURS';
