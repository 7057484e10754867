{
  const content = JSON.parse(document.getElementById("content").textContent);
  const canvas = document.querySelector("canvas.viewer");
  const [film, play, picture, name, square] =
    ["film", "play", "picture", "name", "square"].map((id) => document.getElementById(id));
  const tell = (number) => {
    film.value = number;
    name.textContent = content.names[number] + ". ";
    const length = content.squares[number];
    square.textContent = length ? "A square of the floor is " + length.toPrecision(2) + " m. " : "";
    const address = content.thumbnails[content.which[number]];
    picture.hidden = !address;
    if (address) picture.src = address;
  };
  canvas.addEventListener("frame", (event) => {
    tell(event.detail.frame);
    play.textContent = event.detail.playing ? "Pause" : "Play";
  });
  film.addEventListener("input", () =>
    canvas.dispatchEvent(new CustomEvent("seek", {detail: Number(film.value)})));
  play.addEventListener("click", () => canvas.dispatchEvent(new CustomEvent("play")));
  tell(0);
}
