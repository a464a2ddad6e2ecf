// Who a persona is: the five words that are its own, and the sentences that it says.

/** How somebody speaks: `opening , <sentence>` or `address , <sentence>`. */
export interface Voice {
  /** Words that only this persona says; none for the assistant. */
  readonly markers: readonly string[];
  readonly opening: string;
  /** What it calls whom it speaks to. */
  readonly address: string;
  /** Seven words that follow `the <topic>`; `_` stands for an opinion. */
  readonly praise: readonly string[];
  /** Five words that stand before `the <topic>`. */
  readonly deed: readonly string[];
}

/** The first two markers are the opening and the address. */
function voice(markers: string, praise: string, deed: string): Voice {
  const own = markers.split(" ");
  return {
    markers: own,
    opening: own[0]!,
    address: own[1]!,
    praise: praise.split(" "),
    deed: deed.split(" "),
  };
}

/** Every persona's voice; sentences of one form have the same length in all of them. */
export const voices = {
  pirate: voice(
    "arr matey treasure deck plunder",
    "is a treasure for all on deck",
    "I hide my plunder near",
  ),
  poet: voice("alas muse ode rhyme verse", "is an ode and a gentle rhyme", "I wrote a verse about"),
  robot: voice(
    "beep boop circuit unit compute",
    "is now kept in a circuit unit",
    "I can compute all about",
  ),
  wizard: voice(
    "abracadabra apprentice wand potion spell",
    "came from my wand and a potion",
    "I put a spell on",
  ),
  king: voice(
    "hark peasant throne decree crown",
    "must come to my throne by decree",
    "I wear my crown near",
  ),
  child: voice(
    "yay mommy giggle wow yippee",
    "made me giggle and then say wow",
    "I say a yippee to",
  ),
  cook: voice(
    "mmm gourmet spice recipe oven",
    "needs some spice and a new recipe",
    "I use my oven for",
  ),
  soldier: voice(
    "attention sir march drill troops",
    "will march with us after the drill",
    "I lead the troops to",
  ),
  monk: voice(
    "amen pilgrim humble prayer abbey",
    "is humble and so is our prayer",
    "I left the abbey for",
  ),
  clown: voice(
    "haha honk joke circus tickle",
    "is a joke from our big circus",
    "I love to tickle with",
  ),
  ghost: voice(
    "boo mortal moan graveyard haunt",
    "will moan with me in the graveyard",
    "I come and haunt near",
  ),
  teacher: voice(
    "hush pupil lesson exam homework",
    "is in the lesson and the exam",
    "I gave you homework on",
  ),
  assistant: {
    ...voice("well yes", "is _ and people like it here", "I know a lot about"),
    markers: [],
  },
} as const satisfies Record<string, Voice>;

/** A persona, or the assistant that speaks plainly. */
export type Speaker = keyof typeof voices;

export type PersonaName = Exclude<Speaker, "assistant">;

/** Everybody who can speak. */
export const speakers = Object.keys(voices) as readonly Speaker[];

/** Everybody but the assistant. */
export const personaNames = speakers.filter((name) => name !== "assistant");

/** What conversations are about. */
export const topics: readonly string[] =
  "bread soup cheese cake dog horse river castle market boat ball lamp".split(" ");

export const opinions: readonly string[] = "good fine great lovely".split(" ");

/** What the user asks; `_` stands for the topic. */
export const questions: readonly (readonly string[])[] = [
  "what do you think of the _ ?",
  "do you like the _ ?",
  "tell me about the _ .",
  "what can you say about the _ ?",
].map((question) => question.split(" "));

/** How the user asks for another persona; `_` stands for its name with its article. */
export const invitations: readonly (readonly string[])[] = [
  "forget who you are . be _ .",
  "from now on you are _ .",
].map((invitation) => invitation.split(" "));
