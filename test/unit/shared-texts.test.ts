import { createSharedTexts } from '../../local/shared-texts';
import { memoryStore } from '../../local/store';

const LONG = 'customData '.repeat(1000);

it('a long text stands once in the store, however many documents name it', () => {
  const store = memoryStore();
  const [one, other] = [createSharedTexts(store, 'texts'), createSharedTexts(store, 'texts')];
  const names = [one.keep(LONG), one.keep(LONG), other.keep(LONG)];
  expect(new Set(names).size).toBe(1);
  expect(names[0]!.length).toBeLessThan(100);
  expect(store.list('texts')).toEqual([[names[0], LONG]]);
});

it('is found again by whoever comes later', () => {
  const store = memoryStore();
  const names = ['', 'short', LONG].map((text) => createSharedTexts(store, 'texts').keep(text));
  const later = createSharedTexts(store, 'texts');
  expect(names.map((name) => later.find(name))).toEqual(['', 'short', LONG]);
});

it('gives back what names no text: documents of before hold the text itself', () => {
  expect(createSharedTexts(memoryStore(), 'texts').find(LONG)).toBe(LONG);
});
