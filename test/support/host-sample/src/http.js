'use strict';
/** HTTP (names begin with `http`, since other kinds share them), Event Grid and timer functions that exercise the outer half of the host, and the durable client. */
const { app } = require('@azure/functions');
const df = require('durable-functions');
const { appendFileSync } = require('node:fs');
const { join } = require('node:path');

if (process.env.SAMPLE_STREAM) app.setup({ enableHttpStream: true });

/** One line of JSON in a file that outlives the process. */
function note(file, entry) {
  if (process.env.COUNTER_DIR) appendFileSync(join(process.env.COUNTER_DIR, file), `${JSON.stringify(entry)}\n`);
}

app.http('httpEcho', {
  methods: ['GET', 'POST', 'PUT'],
  authLevel: 'anonymous',
  route: 'echo/{name?}',
  handler: async (request) => ({
    status: 201,
    headers: {
      'x-method': request.method,
      'x-params': JSON.stringify(request.params),
      'x-query': request.query.toString(),
    },
    cookies: [{ name: 'seen', value: 'yes', httpOnly: true, sameSite: 'Lax' }],
    body: new Uint8Array(await request.arrayBuffer()),
  }),
});
app.http('httpLocked', {
  methods: ['GET'],
  route: 'locked',
  authLevel: 'function',
  handler: () => ({ jsonBody: { open: true } }),
});
app.http('httpNothing', { methods: ['GET'], route: 'nothing', authLevel: 'anonymous', handler: () => undefined });
app.http('httpThrows', {
  methods: ['GET'],
  route: 'throws',
  authLevel: 'anonymous',
  handler: () => {
    throw new Error('a detail for the log only');
  },
});
app.http('httpExit', { methods: ['POST'], route: 'exit', authLevel: 'anonymous', handler: () => process.exit(5) });
app.http('httpSpin', {
  methods: ['POST'],
  authLevel: 'anonymous',
  route: 'spin/{ms:int}',
  handler: (request) => {
    note('spins', request.params.ms);
    for (const end = performance.now() + Number(request.params.ms); performance.now() < end;);
    return { body: 'spun' };
  },
});
app.http('httpVariables', {
  methods: ['GET'],
  route: 'variables',
  authLevel: 'anonymous',
  handler: () => {
    const { WEBSITE_HOSTNAME, FUNCTIONS_WORKER_RUNTIME, SAMPLE_SETTING } = process.env;
    return { jsonBody: { WEBSITE_HOSTNAME, FUNCTIONS_WORKER_RUNTIME, SAMPLE_SETTING } };
  },
});

/** Sends a line, and the next one only when the caller has asked `release`. */
let release = () => undefined;
app.http('httpStream', {
  methods: ['GET'],
  route: 'stream',
  authLevel: 'anonymous',
  handler: () => {
    async function* lines() {
      yield Buffer.from('first\n');
      await new Promise((resolve) => (release = resolve));
      yield Buffer.from('second\n');
    }
    return { headers: { 'x-streamed': 'yes' }, body: lines() };
  },
});
app.http('httpRelease', {
  methods: ['POST'],
  route: 'release',
  authLevel: 'anonymous',
  handler: () => (release(), { status: 200 }),
});

const client = df.input.durableClient();
app.http('httpStart', {
  methods: ['POST'],
  authLevel: 'anonymous',
  route: 'start/{name}/{id?}',
  extraInputs: [client],
  handler: async (request, context) => {
    const durable = df.getClient(context);
    const text = await request.text();
    const input = text === '' ? undefined : JSON.parse(text);
    const id = await durable.startNew(request.params.name, { instanceId: request.params.id, input });
    return durable.createCheckStatusResponse(request, id);
  },
});

/** The durable client's methods by name; what they return, as JSON. */
const operations = {
  status: (durable, id) => durable.getStatus(id, { showHistory: true, showHistoryOutput: true, showInput: true }),
  all: (durable) => durable.getStatusAll(),
  failed: (durable) => durable.getStatusBy({ runtimeStatus: ['Failed'] }),
  raise: (durable, id, body) => durable.raiseEvent(id, body.name, body.data),
  suspend: (durable, id) => durable.suspend(id, 'a reason'),
  resume: (durable, id) => durable.resume(id, 'a reason'),
  terminate: (durable, id, body) => durable.terminate(id, body.reason),
  purge: (durable, id) => durable.purgeInstanceHistory(id),
  purgeAll: (durable) => durable.purgeInstanceHistoryBy({ createdTimeFrom: new Date(0) }),
  signal: (durable, id, body) => durable.signalEntity(new df.EntityId('Counter', id), body.name, body.data),
  read: (durable, id) => durable.readEntityState(new df.EntityId('Counter', id)),
};
app.http('httpDurable', {
  methods: ['POST'],
  authLevel: 'anonymous',
  route: 'durable/{operation}/{id}',
  extraInputs: [client],
  handler: async (request, context) => {
    const text = await request.text();
    const operation = operations[request.params.operation];
    const body = text === '' ? {} : JSON.parse(text);
    return { jsonBody: (await operation(df.getClient(context), request.params.id, body)) ?? { done: true } };
  },
});
app.http('httpWait', {
  methods: ['POST'],
  authLevel: 'anonymous',
  route: 'wait/{id}',
  extraInputs: [client],
  handler: (request, context) => {
    const options = { timeoutInMilliseconds: 5000, retryIntervalInMilliseconds: 20 };
    return df.getClient(context).waitForCompletionOrCreateCheckStatusResponse(request, request.params.id, options);
  },
});

app.eventGrid('onEvent', {
  handler: (event) => {
    note('events', event);
    if (event.data?.fail) throw new Error('the event is refused');
  },
});
app.timer('tick', {
  schedule: '%TICK_SCHEDULE%',
  handler: (timer) => note('ticks', timer),
});
