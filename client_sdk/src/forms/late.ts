import { startForms } from "./index";

window.modori.part?.("forms", startForms);
