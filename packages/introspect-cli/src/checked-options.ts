import { usage } from './failure.js';

/**
 * Makes something of the SDK. What it refuses was given by the user: it says so with a TypeError, and names the option.
 *
 * @throws Failure with what it said
 */
export function checkedOptions<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw usage(error.message);
    throw error;
  }
}
