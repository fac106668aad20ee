import { startDebug } from "./index";

window.modori.part?.("debug", startDebug);
