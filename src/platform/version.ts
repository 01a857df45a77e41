/** Version of this program; releases set it, the environment may override it for a build. */
export const VERSION = "0.1.0";
