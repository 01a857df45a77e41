/** The demo model: scripted answers over the Messages API, for a hub without a key. */
export { demoResponse } from "./demo_model.ts";
export { DEMO_NOTICE } from "./demo_script.ts";
