"""Random Keras models, quantised with rounding off, against themselves.

    make sweep SWEEP=random_models SEED=1 COUNT=5000

Prints every model that comes out as another, or with a traceback, as the lines of Python that make
it; then counts, and refusals by their words. The exit status is 1 if there is such a model.
--replay takes one number's model again, in this process.
"""

from __future__ import annotations

import argparse
from collections import Counter

from outcomes import REFUSED, counted
from random_keras.trials import DEVICE_SHARE, Trial, run_trial, run_trials


def main() -> int:
    arguments = _arguments()
    if arguments.replay is not None:
        return replay(arguments.seed, arguments.replay, arguments.device_share)
    counts: Counter[tuple[str, str]] = Counter()
    refusals: list[tuple[str, str]] = []
    seconds, bugs = 0.0, 0
    plan = (arguments.seed, arguments.count, arguments.workers, arguments.device_share)
    for trial in run_trials(*plan):
        seconds += trial.seconds
        counts.update((check, outcome.result) for check, outcome in trial.outcomes.items())
        refusals += [(c, v.message) for c, v in trial.outcomes.items() if v.result == REFUSED]
        if trial.is_fault:
            bugs += 1
            print(_told(trial), flush=True)
    for check in dict.fromkeys(check for check, _ in counts):
        results = ", ".join(f"{n:,} {what}" for (c, what), n in counts.most_common() if c == check)
        print(f"{check}: {results}")
    print("\n".join(counted(refusals)))
    rate = 3600 * arguments.count / max(seconds, 1e-3)
    print(f"{arguments.count:,} models, {bugs} wrong; {rate:,.0f} an hour of one processor")
    return int(bugs > 0)


def replay(seed: int, index: int, device_share: int) -> int:
    trial = run_trial(seed, index, device_share=device_share)
    print("\n".join(trial.text))
    for check, outcome in trial.outcomes.items():
        print(f"{check}: {outcome.result} {outcome.message}")
    return int(trial.is_fault)


def _told(trial: Trial) -> str:
    bad = {c: v for c, v in trial.outcomes.items() if v.is_fault}
    heads = [f"# number {trial.index}, {c}: {v.result}: {v.message}" for c, v in bad.items()]
    return "\n".join([*heads, *(f"    {line}" for line in trial.smallest or trial.text)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--device-share", type=int, default=DEVICE_SHARE, help="one model in so many is converted"
    )
    parser.add_argument("--replay", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
