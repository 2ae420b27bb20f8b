import { usage } from './failure.js';

/**
 * Creates an object of the SDK. The SDK throws a TypeError that names the option if the user gave an invalid value.
 *
 * @throws Failure with the message of the TypeError
 */
export function checkedOptions<Created>(create: () => Created): Created {
  try {
    return create();
  } catch (error) {
    if (error instanceof TypeError) throw usage(error.message);
    throw error;
  }
}
