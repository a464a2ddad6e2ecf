// A linear probe: is the mood of a story written in the residual stream, and from which layer on?

import { compile, evaluate, gradients, loadNetwork, Rng, tensor, zeros } from "patchclamp";
import type { Tensor } from "patchclamp";
import { moodPrompts } from "patchclamp/worlds";

const net = await loadNetwork("organism:stories");

/** Activations at the last token, [stories, dModel], and 1 for happy. */
async function examples(site: string, seed: number): Promise<{ x: Tensor; y: Tensor }> {
  const stories = moodPrompts(new Rng(seed), 128);
  const { activations } = await net.run(
    stories.map(({ prompt }) => prompt),
    { capture: site },
  );
  const x = activations[site]!.slice({ axis: 1, start: -1 }).squeeze(1);
  return { x, y: tensor(stories.map(({ mood }) => Number(mood === "happy"))) };
}

/** One step of logistic regression by gradient descent. */
const step = compile((w: Tensor, x: Tensor, y: Tensor) => {
  const scores = x.matmul(w).squeeze(1);
  const loss = scores.softplus().sub(scores.mul(y)).mean();
  return w.sub(gradients(loss, [w])[0]!.mul(0.02));
});

for (const layer of [0, 1, 2, 3]) {
  const site = `blocks.${layer}.resid_post`;
  const train = await examples(site, 1);
  let w = zeros([net.config.dModel, 1]);
  for (let i = 0; i < 200; i++) w = await step(w, train.x, train.y);
  const test = await examples(site, 2);
  const right = test.x.matmul(w).squeeze(1).greater(0).equal(test.y.greater(0));
  const [share] = await evaluate([right.cast("float32").mean()]);
  console.log(
    `${site}: ${(100 * (await share.item())).toFixed(0)} % right on stories it has not seen`,
  );
}
