--- Settle a batch of deliveries of one worker: each is finished, to be handled again (now or later), or a dead letter. One
-- whose outcome is kept (outcomes.lua) is finished as a move to `done`.
--
-- Invariant: only the consumer that has the lease of a delivery changes its entry. The entry is in exactly one place of its group
-- before and after. The script stores the number and the reply of the worker's last batch. A worker sends one batch at a time. If it
-- gets no reply, it sends the batch again under the same number and gets the first reply.
-- If a process dies before the script, the leases end; if it dies after it, the batch is done. The worker sends at most 256 finished
-- deliveries and 64 moves, and moves some 1 MiB.
-- @batch 1
-- @full runs         finishing frees memory; a failed entry is moved, which needs hardly any more
-- @include now
-- @include stream/pending
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/placing
-- @include stream/keep_dead
-- @include earlier
-- @include stream/keeping
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua)
-- @shared most     places of a key; 0 without order
-- @shared stops    1 when a dead letter stops its key
-- @shared keep     dead letters to keep, see lua/_lib/stream/keep_dead.lua
-- @shared channels prefix of the pub/sub channels of outcomes
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared declared groups of a work queue, separated by spaces; - for an event log
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key dead   stream of its dead letters
-- @item key settled string: number and reply of the worker's last batch
-- @item arg number number of this batch
-- @item arg finished JSON: two lists of positions, ascending: in the stream and in ready, where <position>/1:3 are the first three entries of a run; with order by key two lists of their places, and how many queued entries a worker may get at once
-- @item arg moves  JSON list of [m for the stream or r for ready, position, new state, used attempts, fencing token, milliseconds, kind, reason or outcome]
-- @returns string  positions whose lease is lost, separated by spaces; a position in ready has a leading r

local DAY = 86400
-- A place whose only entry, or whole run, was finished.
local NONE = { from = 1 }
-- Beyond these bytes each place is passed on to one entry.
local MOST_PASSED_ON = 262144
local TYPES = { retrying = 'zset', delayed = 'zset', waiting = 'stream', dead = 'stream', done = 'hash' }

local function item(stream, ready, delayed, dead, settled, number, finished, moves)
  local wrong = typed(settled, 'string') or typed(stream, 'stream') or typed(ready, 'stream')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local last, reply = string.match(redis.call('GET', settled) or '', '^(%d+) (.*)$')
  if last == number then
    return reply
  end
  local lost = {}

  -- Everything that can be refused is refused before the first write.
  moves = cjson.decode(moves)
  local goals = { retrying = delayed, delayed = delayed, waiting = ready, dead = dead, done = held[3] }
  local buries, keeps = false, false
  for _, move in ipairs(moves) do
    buries = buries or move[3] == 'dead'
    keeps = keeps or move[3] == 'dead' or move[3] == 'done'
    wrong = wrong or typed(goals[move[3]], TYPES[move[3]])
  end

  if keeps then
    wrong = wrong or typed(held[3], 'hash') or typed(held[4], 'zset')
  end
  if wrong then
    return wrong
  end

  local function keep_outcome(delivery, text)
    keeping.outcome(held, channels, delivery, text)
  end

  -- The position of an entry or of its run, see lua/_lib/stream/members.lua.
  local function base_of(id)
    return of and string.match(id, '^[^/]*') or id
  end

  local function bases_of(ids)
    local bases = {}
    for _, id in ipairs(ids) do
      local base = base_of(id)
      if base ~= bases[#bases] then
        bases[#bases + 1] = base
      end
    end
    return bases
  end

  local function lose(prefix, id)
    local base, first, last = string.match(id, '^([^/]*/)(%d+):(%d+)$')
    for nth = first or 1, last or 1 do
      lost[#lost + 1] = prefix .. (base and base .. nth or id)
    end
  end

  -- The positions under the worker's lease. The others are added to `lost`.
  local function leased(key, ids, prefix)
    local runs = of and key == ready
    local mine, found = {}, pending(key, group, runs and bases_of(ids) or ids, consumer)
    for _, id in ipairs(ids) do
      if found[runs and base_of(id) or id] then
        mine[#mine + 1] = id
      else
        lose(prefix, id)
      end
    end
    return mine
  end

  local function leave(key, ids)
    if key == stream then
      acknowledge(stream, group, declared, ids)
    elseif of then
      -- Most entries pass through ready, and mostly in order.
      acknowledge(ready, group, group, ids)
    else
      redis.call('XACK', ready, group, unpack(ids))
      redis.call('XDEL', ready, unpack(ids))
    end
  end

  local function put(delivery, to, ms, kind, reason)
    if to == 'dead' then
      entry.put_dead(dead, delivery, group, kind, reason)
      keep_outcome(delivery, 'x' .. kind .. ' ' .. reason)
    elseif to == 'done' then
      keep_outcome(delivery, reason)
    elseif to == 'waiting' then
      entry.put_ready(ready, delivery)
    elseif to == 'delayed' then
      entry.put_delayed(delayed, delivery, ms)
    else
      entry.put_delayed(delayed, delivery, math.ceil(now / 1000) + ms)
    end
  end

  -- Moves an entry that has a key. Returns false when an entry before it in its place has to be finished first, or it is gone from its run.
  local function put_keyed(delivery, location, to, ms, kind, reason)
    local place = delivery.k
    local value = place and places.get(of, place)
    if delivery.q then
      entry.put_delayed(delayed, delivery, delivery.n or ms)
    elseif places.run(location) and not places.is_in(value, location) then
      return false
    elseif to == 'waiting' then
      places.give_back(of, delivery, location)
    elseif places.follows(value, location) then
      return false
    elseif to == 'dead' then
      places.bury(of, delivery, location, entry.put_dead(dead, delivery, group, kind, reason), stops == '1')
      keep_outcome(delivery, 'x' .. kind .. ' ' .. reason)
    elseif to == 'done' then
      keep_outcome(delivery, reason)
      places.leave(of, place, location, 1)
    else
      local due = to == 'delayed' and ms or math.ceil(now / 1000) + ms
      entry.put_delayed(delayed, delivery, due)
      places.move(of, place, location, places.later(due, delivery.i))
    end
    return true
  end

  -- Removes the finished entries that have to wait for one before them in their place, and passes the places of the others on.
  local function finish_in_order(lists, theirs, run)
    local names, left_of, touched = {}, {}, {}
    for at, ids in ipairs(lists) do
      for _, id in ipairs(ids) do
        local name = theirs[at][id]
        if name and not left_of[name] then
          left_of[name] = true
          names[#names + 1] = name
        end
      end
    end
    if not names[1] then
      return lists
    end
    for nth, value in ipairs(redis.call('HMGET', of.busy, unpack(names))) do
      left_of[names[nth]] = value
    end
    local left, waiting, behind, runs = { {}, {} }, {}, 0, {}
    local function finish_one(at, id, base, wait)
      local place = theirs[at][id]
      if place and type(left_of[place]) ~= 'table' then
        left_of[place] = places.list(left_of[place])
      end
      if not place or places.shift(left_of[place], (at == 1 and 'm' or 'r') .. id) then
        left[at][#left[at] + 1] = base
        if base ~= id then
          behind = behind - 1
          runs[base] = true
        end
        touched[place or ''] = true
      else
        wait(at, id)
      end
    end
    local function finish(at, id, wait)
      local place = theirs[at][id]
      if place and left_of[place] == (at == 1 and 'm' or 'r') .. id then
        -- The usual case: nothing else has the place.
        left_of[place], touched[place] = NONE, true
        local base, last = string.match(id, '^([^/]*)/1:(%d+)$')
        left[at][#left[at] + 1] = base or base_of(id)
        behind = behind - (last and last - 1 or 0)
        return
      end
      local base, first, last = string.match(id, '^([^/]*)/(%d+):(%d+)$')
      for nth = first or 1, last or 1 do
        local each = base and base .. '/' .. nth or id
        theirs[at][each] = place
        finish_one(at, each, base or base_of(id), wait)
      end
    end
    for at, ids in ipairs(lists) do
      for _, id in ipairs(ids) do
        finish(at, id, function(_, each)
          waiting[#waiting + 1] = { at, each }
        end)
      end
    end
    -- Once more, because an entry that was retried is behind those that were passed on together with it.
    for _, each in ipairs(waiting) do
      finish(each[1], each[2], function(at, id)
        lost[#lost + 1] = (at == 1 and '' or 'r') .. id
      end)
    end
    if waiting[1] then
      table.sort(left[2], earlier)
    end
    -- Runs of which entries are left stay in ready.
    local stays = {}
    local later = { busy = {}, free = {}, behind = 0 }
    local queued, budget = redis.call('ZCARD', of.queued) > 0, MOST_PASSED_ON
    for _, place in ipairs(names) do
      if touched[place] then
        local rest = left_of[place]
        if rest ~= NONE and rest[rest.from] then
          later.busy[#later.busy + 1] = place
          later.busy[#later.busy + 1] = table.concat(rest, ' ', rest.from)
          for at = rest.from, #rest do
            stays[string.match(rest[at], '^r([^/]*)/') or ''] = true
          end
        elseif queued then
          budget = budget - places.pass_on(of, place, budget > 0 and run or 1, later)
        else
          later.free[#later.free + 1] = place
        end
      end
    end
    local over = {}
    for _, base in ipairs(left[2]) do
      if base ~= over[#over] and not stays[base] then
        over[#over + 1] = base
        -- The first entry of a run is not counted.
        behind = behind + (runs[base] and 1 or 0)
      end
    end
    later.behind = later.behind + behind
    places.done(of, later)
    return { left[1], over }
  end

  local of_stream, of_ready, places_stream, places_ready, run = unpack(cjson.decode(finished))
  if of then
    -- The stream first: an entry in it has its place before those in ready.
    local theirs, lists = { {}, {} }, { of_stream, of_ready }
    for at, names in ipairs({ places_stream, places_ready }) do
      for nth, name in ipairs(names) do
        theirs[at][lists[at][nth]] = name ~= '' and name or nil
      end
    end
    local mine = {
      of_stream[1] and leased(stream, of_stream, '') or of_stream,
      of_ready[1] and leased(ready, of_ready, 'r') or of_ready,
    }
    mine = finish_in_order(mine, theirs, run)
    for at, key in ipairs({ stream, ready }) do
      if mine[at][1] then
        leave(key, mine[at])
      end
    end
  else
    for key, ids in pairs({ [stream] = of_stream, [ready] = of_ready }) do
      local mine = ids[1] and leased(key, ids, key == ready and 'r' or '') or ids
      if mine[1] then
        leave(key, mine)
      end
    end
  end

  for _, move in ipairs(moves) do
    local from, id, to, attempts, fence, ms, kind, reason = unpack(move)
    local key = from == 'r' and ready or stream
    if leased(key, { id }, from == 'r' and 'r' or '')[1] then
      -- Nil if the entry was deleted by hand.
      local delivery = (key == ready and entry.read_ready or entry.read)(key, id)
      local done = true
      if delivery then
        -- A failure was reported, so its worker has not vanished. One that is set aside stays a suspect.
        delivery.v = (to ~= 'retrying' or attempts == delivery.a) and delivery.v or nil
        delivery.a, delivery.f = attempts, fence
        if of and (delivery.k or delivery.q) then
          done = put_keyed(delivery, from .. id, to, ms, kind, reason)
        else
          put(delivery, to, ms, kind, reason)
        end
      end
      if done then
        local base = base_of(id)
        if base == id or not delivery or delivery.foreign or places.left(of, delivery.k, id) then
          leave(key, { base })
        end
      else
        lost[#lost + 1] = (from == 'r' and 'r' or '') .. id
      end
    end
  end

  if buries and keep ~= '0 0' then
    keep_dead(dead, keep)
  end
  reply = table.concat(lost, ' ')
  redis.call('SET', settled, number .. ' ' .. reply, 'EX', DAY)
  return reply
end
