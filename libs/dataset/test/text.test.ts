import { loadText, textNames } from '@weightspace/dataset';
import { expect, test } from 'vitest';

test.each(textNames())('%s is prose: UTF-8, small, mostly letters, with its source', (name) => {
  const { bytes, source } = loadText(name);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  expect(bytes.length).toBeGreaterThan(200_000);
  expect(bytes.length).toBeLessThan(300_000);
  expect(text.replaceAll(/[^A-Za-z ]/g, '').length).toBeGreaterThan(0.9 * text.length);
  expect(text).not.toMatch(/gutenberg/i);
  expect(source).toContain('public domain');
});

test('opticks begins and ends as the First Book does', () => {
  const text = new TextDecoder().decode(loadText('opticks').bytes);
  expect(text.startsWith('THE FIRST BOOK OF OPTICKS\n')).toBe(true);
  expect(text).toContain('My Design in this Book is not to explain the Properties of Light by\nHypotheses');
});

test.each(['cats', 'constructor'])('%s is refused', (name) => {
  expect(() => loadText(name)).toThrow(`loadText: name must be one of opticks, got '${name}'`);
});
