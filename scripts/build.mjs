// `npm run build`: installs what is missing and compiles src/ into dist/.

import { bootstrap } from "./bootstrap.mjs";
import { main } from "./process.mjs";

await main(async () => {
  await bootstrap();
  return 0;
});
