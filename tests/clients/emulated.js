// Where the emulator is and what lies in it; tests/emulator/test_clients.py starts it and says so.
export const emulated = JSON.parse(process.env.EMULATED);

/** The error that a call ends in; an error that the promise never has is itself an error. */
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("was not refused");
}
