import { describe, expect, it, vi } from 'vitest';
import { BoundedBytes, decodedText, readBoundedText, tooLarge } from '../../src/runtime/bounded-text.js';

const bytes = (text: string) => new TextEncoder().encode(text);

function streamOf(...chunks: Uint8Array[]) {
  const cancel = vi.fn();
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { stream, cancel, unread: chunks };
}

describe('readBoundedText', () => {
  it('returns an empty text for a response without a body', async () => {
    await expect(readBoundedText(null, 10)).resolves.toEqual({ text: '' });
  });

  it('returns an empty text for an empty body', async () => {
    await expect(readBoundedText(streamOf().stream, 10)).resolves.toEqual({ text: '' });
  });

  it('joins the chunks in their order, also within a character', async () => {
    const [first = 0, second = 0] = bytes('é');
    const { stream } = streamOf(bytes('caf'), Uint8Array.of(first), Uint8Array.of(second, 0x21));
    await expect(readBoundedText(stream, 10)).resolves.toEqual({ text: 'café!' });
  });

  it('reads a body that is exactly as large as the limit', async () => {
    const { stream, cancel } = streamOf(bytes('abc'), bytes('de'));
    await expect(readBoundedText(stream, 5)).resolves.toEqual({ text: 'abcde' });
    expect(cancel).not.toHaveBeenCalled();
  });

  it('cancels a body that is one byte larger, and reads no further chunk', async () => {
    const { stream, cancel, unread } = streamOf(bytes('abc'), bytes('def'), bytes('ghi'));
    await expect(readBoundedText(stream, 5)).resolves.toEqual({
      text: '',
      problem: 'larger than 5 bytes ("maxResponseBytes")',
    });
    expect(cancel).toHaveBeenCalledOnce();
    expect(unread).toHaveLength(1);
  });

  it('returns its result even if the stream cannot be cancelled', async () => {
    const { stream, cancel } = streamOf(bytes('abcdef'));
    cancel.mockRejectedValue(new Error('broken'));
    await expect(readBoundedText(stream, 5)).resolves.toEqual(tooLarge(5));
  });

  it('reports a body that is not UTF-8', async () => {
    await expect(readBoundedText(streamOf(Uint8Array.of(0x61, 0xff)).stream, 10)).resolves.toEqual({
      text: '',
      problem: 'not UTF-8',
    });
  });

  it('throws the error of a stream that breaks off', async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('reset')) });
    await expect(readBoundedText(broken, 10)).rejects.toThrow('reset');
  });
});

it('BoundedBytes returns a single chunk without copying it', () => {
  const chunk = bytes('abc');
  const body = new BoundedBytes(3);
  expect([body.add(chunk), body.joined() === chunk]).toEqual([true, true]);
});

it('BoundedBytes returns no bytes before the first chunk', () => {
  expect(new BoundedBytes(3).joined()).toEqual(new Uint8Array());
});

it('decodedText decodes after a failure as before it', () => {
  expect(decodedText(Uint8Array.of(0xe2, 0x82))).toEqual({ text: '', problem: 'not UTF-8' });
  expect(decodedText(bytes('€'))).toEqual({ text: '€' });
});
