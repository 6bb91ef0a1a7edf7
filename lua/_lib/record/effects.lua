-- `effects`: several changes of one space, in two phases: all of an item's changes, or none.
--
-- The changes of an item are in groups: all those of one object, or of one key. A plan has for each group eight texts: its kind, the
-- number of its changes, 1 if it is lean, the range of its keys in `keys`, the number of its first own key in each item, the number of the
-- `count` group and its change on which it depends; and then the fields of its kind. Kinds with their fields, the texts of a change, and the
-- text of its result:
--
-- - `add` to a stream (limits): payload, traceparent, due -> the entry's id
-- - `publish` in a channel (keep, ttl, age; the history is its own key): pub/sub channel, type, JSON, coalesce, lasts -> the event's id
-- - `score` on a board (JSON): kind, member, amount, id or empty -> the value in the first window
-- - `announce` as `score`; events can depend on it
-- - `raise` on a board of plain scores (windows): member, amount -> the value in the first window
-- - `count` (plan): a line of counting.lua -> "value down up"
-- - `claim` an id (window, most): the id -> nothing
-- - `object` (ttl; its own keys are the object and the fence), one for a group: ops, empty to delete, whole, version, token, lasts ->
--   "+version" and lines
-- - `limit` a subject (rules, keys of a subject; these are its own): cost -> the state of the rules
--
-- A lean group has fewer texts: of `add` the payload; of `publish` pub/sub channel, type, JSON; of `score` member and amount, which are
-- increments without an id. A group that depends on another has one more text in front, a target. Its changes are made only when that
-- counter reaches the target or passes it; an event that depends on `announce`, when the ranking changes.
--
-- - `effects.open(keys, plan, size, head, before)` returns the object of a plan. `plan` has `size` texts, each ending with a zero byte; the
--   first `head` are the script's own: `fields` has them all. `before`: the texts of an item in front of those of its changes. `wrong` is
--   an error when a counter's key has another type, or the user may not run a command that is needed: nothing may be done then.
-- - `effects.texts(of, values)` splits the texts of an item, each of which ends with a zero byte.
-- - `effects.prepare(of, own, texts)` reads the changes. It returns true. Or nil and why not: 0 when more has expired and the call must be
--   repeated, Redis' time when other periods are needed, text that begins with "-" and has a line "group change reason" for each refused
--   change, or an error. It removes a bounded number of expired entries.
-- - `effects.mark(of)`: what the reply about changes that were made begins with.
-- - `effects.apply(of, texts)` makes the changes that were prepared. It returns the results: groups separated by the byte 30, changes by
--   newlines. Or an error when Redis refused the first write: it then changed nothing.
--
-- A kind is a module: `texts` and `lean_texts` of a change, `fields` in the plan; `open(group, keys, from, to, fields, at, streams)`;
-- `commands(group)`, those of `apply`, and those with which `prepare` removes what has expired; `prepare(group, texts, from, key, own)`,
-- which returns a plan, or nil and why not; and `apply(group, plan, texts, from, other)`, where `other` is the group that it depends on.
-- `rank` is its place in the order of `prepare`: first the kinds that remove nothing, so that a wrong type leaves no trace; then counters,
-- on which others may depend; last streams, which count what was prepared.
-- @include record/denied
-- @lazy record/adding
-- @lazy record/publishing
-- @lazy record/changing
-- @lazy record/raising
-- @lazy record/counted
-- @lazy record/claiming
-- @lazy record/writing
-- @lazy record/limiting
local effects = { open = nil, texts = nil, prepare = nil, apply = nil, mark = nil }
local LOAD = {
  add = load_adding,
  publish = load_publishing,
  score = load_changing,
  announce = load_changing,
  raise = load_raising,
  count = load_counted,
  claim = load_claiming,
  object = load_writing,
  limit = load_limiting,
}
local LAST_RANK = 5

-- Adds a group to the order of `prepare`, behind those of its rank.
local function insert(order, group)
  for at = #order, 1, -1 do
    if order[at].rank <= group.rank then
      table.insert(order, at + 1, group)
      return
    end
  end
  table.insert(order, 1, group)
end

function effects.open(keys, plan, size, head, before)
  size = tonumber(size)
  local fields = { struct.unpack(string.rep('s', size), plan) }
  local kinds, streams, asked, groups, order = {}, {}, {}, {}, {}
  local wrong, text, at = nil, before + 1, head + 1
  for number = 1, size do
    if at > size then
      break
    end
    local name, n, lean = fields[at], tonumber(fields[at + 1]), fields[at + 2] == '1'
    local from, to, own = tonumber(fields[at + 3]), tonumber(fields[at + 4]), tonumber(fields[at + 5])
    local when, line = tonumber(fields[at + 6]), tonumber(fields[at + 7])
    local kind = kinds[name] or LOAD[name]()
    kinds[name] = kind
    text = when and text + 1 or text
    local group = {
      name = name,
      number = number,
      n = n,
      lean = lean,
      own = own,
      when = when,
      line = line,
      small = true,
      rank = when and LAST_RANK or kind.rank,
      at = text,
      prepare = kind.prepare,
      apply = kind.apply,
      reaches = kind.reaches,
    }
    kind.open(group, keys, from, to, fields, at + 8, streams)
    at = at + 8 + kind.fields
    text = text + n * (lean and kind.lean_texts or kind.texts)
    groups[number] = group
    insert(order, group)
    wrong = wrong or denied(kind.commands(group), keys[1], asked) or kind.wrong and kind.wrong(group)
  end
  return {
    fields = fields,
    groups = groups,
    order = order,
    wrong = wrong,
    format = string.rep('s', text - 1),
    plans = {},
    results = {},
    mark = nil,
  }
end

function effects.texts(of, values)
  return { struct.unpack(of.format, values) }
end

-- Whether the counter that a group depends on reaches its target.
local function is_wanted(of, group, texts)
  local counter = of.groups[group.when]
  local plan = of.plans[group.when]
  return plan and counter.reaches(plan, group.line, texts[counter.at + group.line - 1], tonumber(texts[group.at - 1]))
end

function effects.prepare(of, own, texts)
  local order, plans, refused = of.order, of.plans, nil
  for nth = 1, #order do
    local group = order[nth]
    local number, plan, stop = group.number, nil, nil
    if not group.when or not of.groups[group.when].reaches or is_wanted(of, group, texts) then
      plan, stop = group.prepare(group, texts, group.at, own[group.own], own)
    end
    plans[number] = plan or false
    if type(stop) == 'string' then
      refused = refused or { '-' }
      for line in string.gmatch(stop, '[^\n]+') do
        refused[#refused + 1] = number .. ' ' .. line
      end
    elseif stop then
      return nil, stop
    end
  end
  if refused then
    return nil, table.concat(refused, '\n')
  end
  return true
end

function effects.apply(of, texts)
  local groups, plans, results, wrote = of.groups, of.plans, of.results, false
  for number = 1, #groups do
    local group, plan, result = groups[number], plans[number], ''
    if plan then
      result = group.apply(group, plan, texts, group.at, groups[group.when])
      if type(result) == 'table' then
        if wrote then
          error(result)
        end
        return result
      end
      wrote = true
    end
    results[number] = result
  end
  return table.concat(results, '\30')
end

-- What a reply about changes that were made begins with: "*" if all their boards are small, else "+".
function effects.mark(of)
  local mark = of.mark
  if not mark then
    mark = '*'
    for _, group in ipairs(of.groups) do
      mark = group.small and mark or '+'
    end
    of.mark = mark
  end
  return mark
end
