import { startMore } from "./index";

window.modori.part?.("more", startMore);
