-- `effects`: several changes of one space, in two phases: all of an item's changes, or none.
--
-- The changes of an item are in groups: all those of one object, or of one key. A plan has for each group its kind `k`, the number
-- `n` of its changes, and the range `from` to `to` of its keys in `keys`. A group with `own` has one more key in each item, its
-- `own`th. Kinds, the texts of a change, and the text of its result:
--
-- - `add` to a stream (`limits`): payload, traceparent, due -> the entry's id
-- - `publish` in a channel (`keep`, `ttl`, `age`; the history is its own key): pub/sub channel, type, JSON, coalesce, lasts -> the
--   event's id
-- - `score` on a board (`plan`): kind, member, amount, id or empty -> the value in the first window
-- - `count` (`plan`): a line of counting.lua -> "value down up"
-- - `claim` an id (`window`, `most`): the id -> nothing
-- - `object` (`ttl`; the object is its own key), one for a group: ops, whole, version -> "+version" and lines
--
-- A group with `lean` has fewer texts: of `add` the payload; of `publish` pub/sub channel, type, JSON; of `score` member and amount, which
-- are increments without an id.
--
-- A group with `when` (the number of a `count` group) and `line` (its change) has one more text in front, a target. Its changes are made
-- only when that counter reaches the target or passes it.
--
-- - `effects.open(keys, plan)` returns the object of a plan. Its `wrong` is an error when a key has another type, or the user may not
--   run a command that is needed: nothing may be done then.
-- - `effects.denied(commands, key, asked)` is the error when the user may not run one of the commands.
-- - `effects.texts(values, count)` splits the texts of an item, each of which ends with the byte 31.
-- - `effects.prepare(of, own, texts, from)` reads the changes, from the `from`th text on. It returns the plans of the groups. Or nil and
--   why not: 0 when more has expired and the call must be repeated, Redis' time when other periods are needed, text that begins
--   with "-" and has a line "group change reason" for each refused change, or an error. It removes a bounded number of expired entries.
-- - `effects.apply(of, own, plans)` makes the changes. It returns the results: groups separated by the byte 30, changes by newlines. Or
--   an error when Redis refused the first write: it then changed nothing.
-- @include typed
-- @include stream/append
-- @include notifier/publication
-- @include leaderboard/board
-- @include leaderboard/scoring
-- @include guard/counters
-- @include guard/counting
-- @include guard/seeing
-- @include guard/objects
local effects = { open = nil, denied = nil, texts = nil, prepare = nil, apply = nil }
local adding, publishing, changing, counted, claiming_ids, writing = {}, {}, {}, {}, {}, {}
local KINDS =
  { add = adding, publish = publishing, score = changing, count = counted, claim = claiming_ids, object = writing }

-- The commands of `apply`, and those with which `prepare` removes what has expired. Redis is asked for the right to each of them
-- before anything is written (for SPUBLISH by publication.lua). Keys need no question: Redis checked those when it took the call.
adding.runs = 'XADD'
publishing.runs = 'XADD PEXPIRE ZREM XINFO'
changing.runs = 'ZADD ZREM ZINCRBY ZSCORE ZMSCORE PTTL PEXPIRE'
counted.runs = 'HGET HSET HDEL ZADD ZREM ZRANGE PEXPIRE'
claiming_ids.runs = 'ZADD ZREM ZRANGE ZCARD ZCOUNT PEXPIRE'
writing.runs = 'HSET HDEL DEL PEXPIRE'
local PLAIN_INCREMENT = 'ZINCRBY PTTL PEXPIRE'
local QUEUEING = 'XSETID ZADD HSET HINCRBY'
local AGEING = 'XRANGE XTRIM'
local ROLLING = 'XADD XRANGE XREVRANGE XTRIM EXISTS HMGET HGET HSET HDEL HINCRBY UNLINK'
local KEEPING = 'ZCARD ZPOPMAX HDEL ZRANK'
local COUNTING_SCORES = 'ZCOUNT'
local REMEMBERING = 'XADD XRANGE XDEL HGET HSET HDEL'

-- The error when the user may not run one of the commands; `asked` has those that he may run.
function effects.denied(runs, key, asked)
  for command in string.gmatch(runs, '%u+') do
    if not asked[command] then
      local may
      if command == 'XGROUP' or command == 'XINFO' then
        may = redis.acl_check_cmd(command, command == 'XGROUP' and 'CREATE' or 'STREAM', key, '1', '1')
      elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
        may = redis.acl_check_cmd(command, key)
      else
        may = redis.acl_check_cmd(command, key, '1', '1', '1', '1')
      end
      if not may then
        return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
      end
      asked[command] = true
    end
  end
end

-- Adding to a stream. `streams` has the streams that are open, by key.

function adding.open(group, keys, streams)
  local key = keys[1]
  streams[key] = streams[key] or append.open(key, group.limits, keys[2], keys[3])
  group.of = streams[key]
end

function adding.wrong(group)
  return typed(group.of.key, 'stream') or append.wrong(group.of)
end

function adding.runs_of(group)
  local runs = group.of.places and adding.runs .. ' ' .. QUEUEING or adding.runs
  return group.of.names ~= '' and runs .. ' XGROUP' or runs
end

function adding.prepare(group, texts, from)
  for nth = 1, group.n do
    local may = append.prepare(group.of)
    if may == false then
      return nil, nth .. ' full'
    elseif may ~= true then
      return nil, may
    end
  end
  group.at = from
  return texts
end

function adding.apply(group, texts)
  local from, lean, ids = group.at, group.lean, nil
  for nth = 1, group.n do
    local id = append.apply(group.of, texts[from], lean and '' or texts[from + 1], lean and '' or texts[from + 2])
    if type(id) == 'table' then
      if nth > 1 then
        error(id)
      end
      return id
    end
    ids = ids and ids .. '\n' .. id or id
    from = from + (lean and 1 or 3)
  end
  return ids
end

-- Publishing in a channel.

function publishing.open(group, keys)
  group.of = {
    history = false,
    next = keys[1],
    live = false,
    keep = group.keep,
    ttl = group.ttl,
    age = group.age,
    window = 0,
    id = '',
    tag = '',
    at = 0,
    reserved = false,
  }
end

function publishing.wrong(group)
  return typed(group.of.next, 'zset')
end

function publishing.runs_of(group)
  return group.age > 0 and publishing.runs .. ' ' .. AGEING or publishing.runs
end

function publishing.prepare(group, texts, from, key)
  local channel = group.of
  channel.history, channel.live = key, texts[from]
  local may = publication.prepare(channel)
  if may ~= true then
    return nil, may
  end
  group.at = from
  return texts
end

function publishing.apply(group, texts)
  local from, lean, channel, ids = group.at, group.lean, group.of, nil
  for nth = 1, group.n do
    local coalesce, lasts = lean and '' or texts[from + 3], lean and '0' or texts[from + 4]
    local id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], coalesce, lasts)
    if type(id) == 'table' then
      if nth > 1 then
        error(id)
      end
      return id
    end
    ids = ids and ids .. '\n' .. id or id
    from = from + (lean and 3 or 5)
  end
  return ids
end

-- Changing scores on a board.

function changing.open(group, keys)
  group.of = scoring.open(keys, group.plan)
end

-- Redis' time as a number when it is outside of the periods that the client sent.
function changing.wrong(group)
  local of = group.of
  local windows = board.open(of.keys, of.config)
  if not windows then
    return now
  end
  return board.wrong(of.config, of.keys, windows) or of.config.keep and typed(of.keys[of.config.data], 'hash')
end

function changing.runs_of(group)
  local config, runs = group.of.config, changing.runs
  local plain = group.lean and group.n == 1 and not (config.shift or config.limit)
  for _, window in ipairs(config.windows) do
    runs = runs .. (window.log and ' ' .. ROLLING or '') .. (window.d and ' ' .. COUNTING_SCORES or '')
    plain = plain and not window.d
  end
  if plain then
    return PLAIN_INCREMENT
  end
  return runs .. (config.keep and ' ' .. KEEPING or '') .. (config.ids and ' ' .. REMEMBERING or '')
end

function changing.prepare(group, texts, from)
  local changes, lean = {}, group.lean
  if lean and group.n == 1 and scoring.adds(group.of, texts[from + 1]) then
    group.at = from
    return texts
  end
  for nth = 1, group.n do
    if lean then
      changes[nth] = { 'i', texts[from], tonumber(texts[from + 1]) }
      from = from + 2
    else
      local id = texts[from + 3]
      changes[nth] = { texts[from], texts[from + 1], tonumber(texts[from + 2]), id ~= '' and id or nil }
      from = from + 4
    end
  end
  local plan = scoring.prepare(group.of, changes, true)
  if type(plan) ~= 'table' or plan.err then
    return nil, plan
  end
  return plan
end

function changing.apply(group, plan)
  if plan == group.texts then
    return scoring.add(group.of, plan[group.at], plan[group.at + 1])
  end
  local values = scoring.apply(group.of, plan, 0, false)
  if type(values) == 'string' then
    return values
  end
  local lines = {}
  for nth, reply in ipairs(values) do
    lines[nth] = reply[1]
  end
  return table.concat(lines, '\n')
end

-- Changing counters.

function counted.open(group, keys)
  group.of = counters.open(keys, group.plan)
end

function counted.wrong(group)
  local wrong
  for at, key in ipairs(group.of.keys) do
    wrong = wrong or typed(key, (at - 1) % 3 == 1 and 'zset' or 'hash')
  end
  return wrong
end

function counted.prepare(group, texts, from)
  local last = from + group.n - 1
  local plan = counting.prepare(group.of, from == last and texts[from] or table.concat(texts, '\n', from, last))
  if type(plan) == 'string' then
    return nil, string.sub(plan, 3)
  elseif type(plan) ~= 'table' or plan.err then
    return nil, plan
  end
  plan.texts, plan.from = texts, from
  return plan
end

function counted.apply(group, plan)
  return string.sub(counting.apply(group.of, plan), 3)
end

-- Whether the change of a prepared counter reaches the target or passes it.
local function reaches(plan, line, target)
  local at, after = 0, nil
  for value in string.gmatch(plan.answer, '\n(%S+)') do
    at = at + 1
    if at == line then
      after = tonumber(value)
      break
    end
  end
  local by = tonumber(string.match(plan.texts[plan.from + line - 1], '^%-?%d+'))
  local before = after - by
  return (before < target and after >= target) or (before > target and after <= target)
end

-- Claiming ids.

function claiming_ids.open(group, keys)
  group.of = seeing.open(keys[1], group.window, group.most)
end

function claiming_ids.wrong(group)
  return typed(group.of.key, 'zset')
end

function claiming_ids.prepare(group, texts, from)
  for nth = 1, group.n do
    local new = seeing.prepare(group.of, texts[from + nth - 1])
    if new == false then
      return nil, nth .. ' known'
    elseif new ~= true then
      return nil, new
    end
  end
  group.at = from
  return texts
end

function claiming_ids.apply(group, texts)
  for nth = 1, group.n do
    seeing.apply(group.of, texts[group.at + nth - 1])
  end
  seeing.trim(group.of)
  return string.rep('\n', group.n - 1)
end

-- Writing an object.

function writing.open() end

function writing.wrong() end

function writing.prepare(_, texts, from, key)
  local request = {
    ops = cjson.decode(texts[from]),
    whole = texts[from + 1] == '1',
    version = tonumber(texts[from + 2]),
  }
  local plan = objects.prepare(key, request)
  if type(plan) == 'string' then
    return nil, '1 ' .. plan
  elseif plan.err then
    return nil, plan
  end
  plan.key = key
  return plan
end

function writing.apply(group, plan)
  return objects.apply(plan.key, plan, group.ttl)
end

-- The texts of the present item: one list for all, since each item has as many.
local list = {}

-- The order of `prepare`: first the kinds that remove nothing, so that a wrong type leaves no trace; then counters, on which others may
-- depend; last streams, which count what was prepared.
local RANK = { publish = 1, claim = 1, object = 1, count = 2, score = 3, add = 4 }
local LAST_RANK = 5

local TEXTS = { add = 3, publish = 5, score = 4, count = 1, claim = 1, object = 3 }
local LEAN_TEXTS = { add = 1, publish = 3, score = 2 }

function effects.open(keys, plan)
  local of = cjson.decode(plan)
  local streams, asked, needs, at = {}, {}, {}, 1
  for number, group in ipairs(of.groups) do
    local kind = KINDS[group.k]
    group.kind, group.texts = kind, list
    kind.open(group, { unpack(keys, group.from, group.to) }, streams)
    group.texts_at = at
    at = at + (group.when and 1 or 0) + group.n * (group.lean and LEAN_TEXTS or TEXTS)[group.k]
    needs[number] = kind.runs_of and kind.runs_of(group) or kind.runs
  end
  of.texts = at - 1
  of.order, of.plans, of.results = {}, {}, {}
  for rank = 1, LAST_RANK do
    for number, group in ipairs(of.groups) do
      if (group.when and LAST_RANK or RANK[group.k]) == rank then
        of.order[#of.order + 1] = number
      end
    end
  end
  for number, group in ipairs(of.groups) do
    of.wrong = of.wrong or effects.denied(needs[number], keys[1], asked)
    local wrong = not of.wrong and group.kind.wrong(group)
    of.wrong = of.wrong or wrong or nil
  end
  return of
end

function effects.texts(values, count)
  local from = 1
  for at = 1, count do
    local to = string.find(values, '\31', from, true)
    list[at] = string.sub(values, from, to - 1)
    from = to + 1
  end
  return list
end

function effects.prepare(of, own, texts, offset)
  local groups, order, plans, refused = of.groups, of.order, of.plans, nil
  for at = 1, #order do
    local number = order[at]
    local group = groups[number]
    local from = group.texts_at + offset
    local wanted = true
    if group.when then
      local counter = plans[group.when]
      wanted = counter and reaches(counter, group.line, tonumber(texts[from]))
      from = from + 1
    end
    if group.k == 'add' then
      -- An item before may have been refused after it was prepared.
      group.of.prepared = 0
    end
    plans[number] = false
    if wanted then
      local plan, stop = group.kind.prepare(group, texts, from, own[group.own])
      if type(stop) == 'string' then
        refused = refused or { '-' }
        for line in string.gmatch(stop, '[^\n]+') do
          refused[#refused + 1] = number .. ' ' .. line
        end
      elseif stop then
        return nil, stop
      end
      plans[number] = plan or false
    end
  end
  if refused then
    return nil, table.concat(refused, '\n')
  end
  return plans
end

function effects.apply(of, plans)
  local groups, results, wrote = of.groups, of.results, false
  for number = 1, #groups do
    local group, plan = groups[number], plans[number]
    results[number] = ''
    if plan then
      local result = group.kind.apply(group, plan)
      if type(result) == 'table' then
        if wrote then
          error(result)
        end
        return result
      end
      wrote = true
      results[number] = result
    end
  end
  return table.concat(results, '\30')
end
