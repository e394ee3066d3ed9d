import { readFileSync } from 'node:fs';
import { ERRORS } from '../../shared/model/errors';

const page = readFileSync(`${__dirname}/../../docs/errors.md`, 'utf8');
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section): [string, string] => [section.split('\n')[0] ?? '', section]),
);

describe('docs/errors.md', () => {
  it('has one section for each code of the catalogue, in its order, and no other', () => {
    expect([...sections.keys()]).toEqual(Object.keys(ERRORS));
  });

  it.each(Object.entries(ERRORS))('says of %s its title, its status and what to do', (code, { title, status }) => {
    const section = sections.get(code) ?? '';
    expect(section).toContain(`${title} · status ${status}\n`);
    expect(section).toMatch(/\*\*What to do\.\*\* \S/);
  });
});
