// Waiting for a condition to become true, woken by whoever changes what it looks at.

export class Signal {
  #waiting = new Set();

  fire() {
    for (const look of [...this.#waiting]) {
      look();
    }
  }

  // until resolves when check() is true and fails with what() after the time given.
  until(check, what, milliseconds = 15_000) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        settle(value);
      };
      const look = () => {
        try {
          if (check()) {
            done(resolve);
          }
        } catch (error) {
          done(reject, error);
        }
      };
      const timer = setTimeout(
        () => done(reject, new Error(`not within ${milliseconds} ms: ${what()}`)),
        milliseconds,
      );
      this.#waiting.add(look);
      look();
    });
  }
}
