// The operators that imported graphs may have, group by group.

import { attentions } from "./attention.ts";
import { control } from "./control.ts";
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import type { ImportHandlers } from "./handler.ts";
import { linear } from "./linear.ts";
import { reduce } from "./reduce.ts";
import { normalise } from "./normalise.ts";
import { indexing } from "./indexing.ts";
import { losses } from "./losses.ts";
import { making } from "./making.ts";
import { numbers } from "./numbers.ts";
import { order } from "./order.ts";
import { pieces } from "./pieces.ts";
import { qlinear } from "./qlinear.ts";
import { quantised, remembering } from "./quantised.ts";
import { recurrent } from "./recurrent.ts";
import { refusals } from "./refusals.ts";
import { resample } from "./resample.ts";
import { rest } from "./rest.ts";
import { shapes } from "./shapes.ts";
import { signal } from "./signal.ts";

const all: ImportHandlers = {
  ...elementwise,
  ...numbers,
  ...control,
  ...linear,
  ...convolutions,
  ...attentions,
  ...reduce,
  ...normalise,
  ...shapes,
  ...making,
  ...pieces,
  ...indexing,
  ...order,
  ...losses,
  ...resample,
  ...signal,
  ...recurrent,
  ...quantised,
  ...qlinear,
  ...rest,
  ...refusals,
};

/** Handlers of all operators. */
export const importHandlers: ImportHandlers = { ...all, ...remembering(all) };
