import type { Settings } from '../settings';
import type { Reply } from './exchange';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Functions host</title>
<body style="font: 16px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 40rem">
<h1>Your Functions app is up and running</h1>
<p>This page stands at <code>/</code> while no function of the app answers there.
The app setting <code>AzureWebJobsDisableHomepage=true</code> removes it.</p>
`;

/** What `/` answers when no function does; no key is asked for. */
export function homePage(settings: Settings): Reply {
  if (/^(true|1)$/i.test(settings.AzureWebJobsDisableHomepage ?? '')) return { status: 204 };
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: PAGE };
}
