import { startRestore } from "./index";

window.modori.part?.("restore", startRestore);
