// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title A global model without an aggregator (BAFFLE), after Ramanan and Nakayama, 2020, arXiv 1909.07452
/// @notice The contract holds the model, in chunks. In each round hospitals bid for the chunks that their training
/// changed most; the contract accepts the best bids for each chunk, takes the chunks of those who won, checks that they
/// are what was bid for, and keeps their mean. Whoever wins and does not upload gives way to the next best bid. A chunk
/// without an accepted upload stays as it was.
/// @dev Weights are signed 32-bit numbers of millionths, eight a slot, the first in the highest bits. A score is the
/// Euclidean distance between a trained chunk and the standing one, in millionths, rounded down.
contract Baffle {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A round began; bids are taken from block `biddingOpens` on.
    event RoundStarted(uint256 indexed round, uint256 biddingOpens);
    /// @notice The best bids of `hospital` were accepted: bit k of `which` for chunk k.
    event BidsAccepted(uint256 indexed round, address indexed hospital, uint256 which);
    /// @notice `hospital` uploaded chunks it won: bit k of `which` for chunk k.
    event ChunksUploaded(uint256 indexed round, address indexed hospital, uint256 which);
    /// @notice The model stands as the round left it; byte k of `uploads`, from the lowest, counts those of chunk k.
    event RoundClosed(uint256 indexed round, uint256 uploads);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    enum Phase { Filling, Training, Bidding, Uploading }

    /// @notice What is known of one hospital; the first five share a slot.
    struct Hospital {
        uint16 place; // in the order of registration, from 1; 0 for everybody else
        uint64 bidRound; // the last round in which it bid; 0 once it kept others waiting for an upload
        uint64 wonRound; // the last round in which bids of it were accepted
        uint32 won; // accepted then and not uploaded yet: bit k for chunk k
        uint32 uploaded; // accepted then and uploaded
        bytes32 commitment; // keccak256(place || a hash a chunk), made with its last bid
        uint256[8] scores; // of its last bid, four a slot: score + 1 of each chunk, 0 for no bid
    }

    /// @notice Hospitals times chunks at most, unless all win: bids must be ranked within a block of 30 million gas.
    uint256 public constant MOST_BIDS = 4_500;

    /// @notice Who may write the first model.
    address public immutable founder;
    /// @notice Slots of the whole model.
    uint256 public immutable slots;
    /// @notice Slots of a chunk; the last chunk may have fewer.
    uint256 public immutable chunkSlots;
    /// @notice K: chunks of the model.
    uint256 public immutable chunks;
    /// @notice Bits of the last slot that hold no weight.
    uint256 public immutable padding;
    /// @notice b: bids accepted for a chunk.
    uint256 public immutable winners;
    /// @notice B: chunks a hospital may bid for in a round.
    uint256 public immutable budget;
    /// @notice The highest score that is taken: how far a chunk may move in a round.
    uint256 public immutable cap;
    /// @notice Blocks of a round before bids are taken.
    uint256 public immutable trainingBlocks;
    /// @notice Blocks after which nobody waits any longer for the first model, a bid or an upload.
    uint256 public immutable phaseBlocks;

    /// @notice The present round, from 1; 0 until the first model is complete.
    uint64 public round;
    /// @dev Whether this round's bids were decided.
    bool private uploading;
    /// @notice The first block in which bids are taken.
    uint48 public biddingOpens;
    /// @notice The last block in which those who are silent are waited for.
    Deadline public deadline;
    /// @notice Bids of this round.
    uint16 public bids;
    /// @notice Chunks of accepted bids that were not uploaded yet.
    uint16 public outstanding;
    /// @dev Bit k: which of its two copies chunk k stands in. The other takes this round's mean.
    uint32 private standing;
    /// @notice Uploads of each chunk in this round, a byte a chunk, the first in the lowest bits.
    uint256 public uploads;
    /// @notice Slots of the first model that are written.
    uint256 public filled;
    /// @dev The two copies of the model, by slot.
    uint256[2 ** 32][2] private copies;
    /// @notice Every hospital by its account.
    mapping(address => Hospital) public hospitals;
    /// @dev The hospitals in the order of registration.
    address[] private consortium;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param consortium_ the hospitals, in the order of registration
    /// @param weights_ weights of the model
    /// @param chunkSlots_ slots of a chunk, eight weights each
    /// @param winners_ bids accepted for a chunk
    /// @param budget_ chunks a hospital may bid for; with 0 the model is frozen
    /// @param cap_ the highest score that is taken
    /// @param trainingBlocks_ blocks of a round before bids are taken
    /// @param phaseBlocks_ blocks to wait for bids, and again for uploads
    constructor(
        address[] memory consortium_,
        uint256 weights_,
        uint256 chunkSlots_,
        uint256 winners_,
        uint256 budget_,
        uint256 cap_,
        uint256 trainingBlocks_,
        uint256 phaseBlocks_
    ) {
        uint256 count = consortium_.length;
        require(weights_ > 0 && chunkSlots_ > 0, "no weights or empty chunks");
        (founder, slots, chunkSlots) = (msg.sender, (weights_ + 7) / 8, chunkSlots_);
        chunks = (slots + chunkSlots_ - 1) / chunkSlots_;
        padding = 2 ** (32 * (8 * slots - weights_)) - 1;
        require(chunks <= 32, "more than 32 chunks");
        require(winners_ > 0 && winners_ <= count, "not a number of winners");
        require(winners_ < 256, "more than 255 winners");
        require(winners_ == count || count * chunks <= MOST_BIDS, "too many bids to rank");
        require(budget_ <= chunks, "budget above all chunks");
        for (uint16 i; i < count; ++i) {
            require(hospitals[consortium_[i]].place == 0, "listed twice");
            hospitals[consortium_[i]].place = i + 1;
        }
        consortium = consortium_;
        (winners, budget, cap) = (winners_, budget_, cap_);
        (trainingBlocks, phaseBlocks, deadline) = (trainingBlocks_, phaseBlocks_, Deadlines.within(phaseBlocks_));
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice The founder writes the first model, in as many pieces as blocks demand; with the last, round 1 begins.
    /// Any hospital may go on with it once the founder has kept it waiting, and gains no time by that: the model is then
    /// whoever's writes.
    /// @param piece the next slots
    function fill(uint256[] calldata piece) external {
        require(phase() == Phase.Filling, "not filling");
        bool overdue = deadline.passed() && hospitals[msg.sender].place > 0;
        require(msg.sender == founder || overdue, "not the founder");
        require(piece.length > 0, "nothing to fill");
        uint256 end = filled + piece.length;
        require(end <= slots, "more than the model");
        for (uint256 i; i < piece.length; ++i) copies[0][filled + i] = piece[i];
        filled = end;
        if (msg.sender == founder) deadline = Deadlines.within(phaseBlocks);
        if (end == slots) {
            require(copies[0][slots - 1] & padding == 0, "padding is not zero");
            _begin();
        }
    }

    /// @notice Steps 3 and 4: a hospital bids for the chunks that its training changed most, once a round.
    /// @param scores score + 1 of each chunk, 0 where it does not bid; 64 bits each, the first in the highest bits
    /// @param commitment keccak256(place || hashes) of its place (16 bits) and of keccak256 of each chunk it would
    /// upload, or anything where it does not bid. The place makes another's commitment worthless.
    function bid(uint256[] calldata scores, bytes32 commitment) external {
        Hospital storage hospital = hospitals[msg.sender];
        require(phase() == Phase.Bidding, "not bidding");
        require(hospital.place > 0, "not a hospital");
        require(hospital.bidRound < round, "already bid");
        require(scores.length == (chunks + 3) / 4, "a score a chunk");
        uint256 wanted;
        for (uint256 k; k < 4 * scores.length; ++k) {
            uint256 score = _score(scores[k / 4], k);
            require(score <= cap + 1, "over the cap");
            if (score > 0) ++wanted;
        }
        require(wanted <= budget, "over the budget");
        for (uint256 i; i < scores.length; ++i) hospital.scores[i] = scores[i];
        (hospital.bidRound, hospital.commitment) = (round, commitment);
        ++bids;
    }

    /// @notice Step 5: anybody has the best `winners` bids for each chunk accepted, once all have bid or the deadline
    /// has passed. A bid is among them if fewer than so many are better; of equals the earlier registered is better.
    /// Once uploads are overdue, the bids of those who owe one are void and the next best take the places left.
    function accept() external {
        if (phase() == Phase.Uploading) {
            require(outstanding > 0, "all uploaded");
            require(deadline.passed(), "uploads may still come");
        } else {
            require(phase() == Phase.Bidding, "not bidding");
            require(bids == consortium.length || deadline.passed(), "bids may still come");
        }
        address[] memory who = consortium;
        (uint256[8][] memory scores, uint32[] memory uploaded) = _bids(who);
        uint32[] memory won = new uint32[](who.length);
        for (uint256 k; k < chunks; ++k) _rank(k, scores, uploaded, won);
        uint256 count;
        for (uint256 i; i < who.length; ++i) {
            if (won[i] == 0) continue;
            Hospital storage hospital = hospitals[who[i]];
            (hospital.wonRound, hospital.won, hospital.uploaded) = (round, won[i], uploaded[i]);
            count += _ones(won[i]);
            emit BidsAccepted(round, who[i], won[i]);
        }
        (outstanding, uploading, deadline) = (uint16(count), true, Deadlines.within(phaseBlocks));
    }

    /// @notice Step 6: a hospital uploads chunks it won. Each must be the one it committed to, at just the distance
    /// that it bid, and goes into the chunk's mean; see `_merge`.
    /// @param which bit k for chunk k
    /// @param hashes what the commitment was made of
    /// @param data the chunks one after another
    function upload(uint32 which, bytes32[] calldata hashes, uint256[] calldata data) external {
        Hospital storage hospital = hospitals[msg.sender];
        require(phase() == Phase.Uploading, "not uploading");
        require(which > 0, "nothing to upload");
        require(hospital.wonRound == round && which & ~hospital.won == 0, "no accepted bid");
        require(hashes.length == chunks, "a hash a chunk");
        require(keccak256(abi.encodePacked(hospital.place, hashes)) == hospital.commitment, "not what was committed");
        uint256 start;
        uint256 counts = uploads;
        for (uint256 k; k < chunks; ++k) {
            if (which >> k & 1 == 0) continue;
            uint256 end = start + _length(k);
            require(end <= data.length, "chunk too short");
            uint256[] calldata chunk = data[start:end];
            require(keccak256(abi.encodePacked(chunk)) == hashes[k], "not the chunk bid for");
            require(k + 1 < chunks || chunk[chunk.length - 1] & padding == 0, "padding is not zero");
            _check(k, chunk, _score(hospital.scores[k / 4], k) - 1);
            counts += 1 << 8 * k;
            _merge(k, chunk, counts >> 8 * k & 255);
            start = end;
        }
        require(start == data.length, "chunk too long");
        (uploads, hospital.won, hospital.uploaded) = (counts, hospital.won & ~which, hospital.uploaded | which);
        outstanding -= uint16(_ones(which));
        emit ChunksUploaded(round, msg.sender, which);
    }

    /// @notice Steps 7 and 8: once all accepted chunks are there, anybody ends the round. Chunks that were uploaded
    /// change over to their mean, the others stay; the next round begins.
    function aggregate() external {
        require(phase() == Phase.Uploading, "not uploading");
        require(outstanding == 0, "uploads may still come");
        for (uint256 k; k < chunks; ++k) if (uploads >> 8 * k & 255 > 0) standing ^= uint32(1 << k);
        emit RoundClosed(round, uploads);
        (uploads, bids, uploading) = (0, 0, false);
        _begin();
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    function phase() public view returns (Phase) {
        if (round == 0) return Phase.Filling;
        if (uploading) return Phase.Uploading;
        return block.number < biddingOpens ? Phase.Training : Phase.Bidding;
    }

    /// @notice Step 1: the global model as it stands, slot by slot.
    function model() external view returns (uint256[] memory all) {
        all = new uint256[](slots);
        for (uint256 i; i < slots; ++i) all[i] = copies[_copy(i / chunkSlots)][i];
    }

    /// @notice The hospitals in the order of registration, and which of their bids were accepted in this round: those
    /// that wait for an upload, and those that were uploaded.
    function accepted()
        external
        view
        returns (address[] memory who, uint32[] memory waiting, uint32[] memory uploaded)
    {
        (who, waiting, uploaded) = (consortium, new uint32[](consortium.length), new uint32[](consortium.length));
        for (uint256 i; i < who.length; ++i) {
            Hospital storage hospital = hospitals[who[i]];
            if (hospital.wonRound == round) (waiting[i], uploaded[i]) = (hospital.won, hospital.uploaded);
        }
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNALS
    //////////////////////////////////////////////////////////////*/

    function _begin() private {
        ++round;
        biddingOpens = uint48(block.number + trainingBlocks);
        deadline = Deadlines.within(trainingBlocks + phaseBlocks);
        emit RoundStarted(round, biddingOpens);
    }

    /// @dev This round's scores of each hospital, all 0 where it has not bid, and which chunks it has uploaded. Whoever
    /// still owes an upload has bid in vain.
    function _bids(address[] memory who) private returns (uint256[8][] memory scores, uint32[] memory uploaded) {
        (scores, uploaded) = (new uint256[8][](who.length), new uint32[](who.length));
        for (uint256 i; i < who.length; ++i) {
            Hospital storage hospital = hospitals[who[i]];
            if (hospital.bidRound < round) continue;
            if (hospital.wonRound == round) {
                uploaded[i] = hospital.uploaded;
                if (hospital.won > 0) {
                    (hospital.bidRound, hospital.won) = (0, 0);
                    continue;
                }
            }
            for (uint256 j; j < (chunks + 3) / 4; ++j) scores[i][j] = hospital.scores[j];
        }
    }

    /// @dev Sets bit k of `won` for those whose bids for chunk k are the best for the places that uploads left. A key
    /// orders by score, then by registration.
    function _rank(uint256 k, uint256[8][] memory scores, uint32[] memory uploaded, uint32[] memory won) private view {
        unchecked {
            uint256 places = winners - (uploads >> 8 * k & 255);
            if (places == 0) return;
            uint256[] memory keys = new uint256[](scores.length);
            uint256 count;
            for (uint256 i; i < scores.length; ++i) {
                uint256 score = _score(scores[i][k / 4], k);
                if (score > 0 && uploaded[i] >> k & 1 == 0) keys[count++] = score << 16 | (scores.length - i);
            }
            uint256 least = count > places ? _least(keys, count, places) : 0;
            for (uint256 i; i < count; ++i) {
                if (keys[i] >= least) won[scores.length - uint16(keys[i])] |= uint32(1 << k);
            }
        }
    }

    /// @dev The least of the best `places` of the first `count` keys. The best so far are a heap with the least of
    /// them on top, 0 where there is none yet; a better key takes its place. That takes at most count times
    /// log2(places) steps, whatever hospitals bid.
    function _least(uint256[] memory keys, uint256 count, uint256 places) private pure returns (uint256) {
        unchecked {
            uint256[] memory best = new uint256[](places);
            for (uint256 i; i < count; ++i) if (keys[i] > best[0]) _sink(best, keys[i]);
            return best[0];
        }
    }

    /// @dev Put a key in place of the top, as deep as its order demands.
    function _sink(uint256[] memory heap, uint256 key) private pure {
        unchecked {
            uint256 at;
            for (uint256 child = 1; child < heap.length; child = 2 * at + 1) {
                if (child + 1 < heap.length && heap[child + 1] < heap[child]) ++child;
                if (heap[child] >= key) break;
                (heap[at], at) = (heap[child], child);
            }
            heap[at] = key;
        }
    }

    /// @dev The score bid must be the distance from the standing chunk, rounded down: score^2 <= sum < (score + 1)^2.
    function _check(uint256 k, uint256[] calldata chunk, uint256 score) private view {
        uint256[2 ** 32] storage copy = copies[_copy(k)];
        uint256 first = k * chunkSlots;
        uint256 sum;
        for (uint256 i; i < chunk.length; ++i) sum += _squares(chunk[i], copy[first + i]);
        require(score * score <= sum && sum < (score + 1) * (score + 1), "score is not the distance");
    }

    /// @dev The j-th upload of a chunk goes into its mean, in the copy that does not stand: g += (w - g) / j. For the
    /// first that is w, whatever g was.
    function _merge(uint256 k, uint256[] calldata chunk, uint256 j) private {
        uint256[2 ** 32] storage copy = copies[1 - _copy(k)];
        uint256 first = k * chunkSlots;
        for (uint256 i; i < chunk.length; ++i) {
            copy[first + i] = j == 1 ? chunk[i] : _mean(copy[first + i], chunk[i], int256(j));
        }
    }

    /// @dev Sum of the squared differences of eight weights; below 2^67.
    function _squares(uint256 a, uint256 b) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 shift; shift < 256; shift += 32) {
                int256 difference = _weight(a, shift) - _weight(b, shift);
                sum += uint256(difference * difference);
            }
        }
    }

    /// @dev g + (w - g) / j for eight weights, the division towards zero; each lies between g and w, so it fits.
    function _mean(uint256 g, uint256 w, int256 j) private pure returns (uint256 mean) {
        unchecked {
            for (uint256 shift; shift < 256; shift += 32) {
                int256 weight = _weight(g, shift);
                mean |= uint256(uint32(int32(weight + (_weight(w, shift) - weight) / j))) << shift;
            }
        }
    }

    function _weight(uint256 slot, uint256 shift) private pure returns (int256) {
        return int32(uint32(slot >> shift));
    }

    /// @dev The 64 bits of chunk k among four.
    function _score(uint256 four, uint256 k) private pure returns (uint256) {
        return uint64(four >> 64 * (3 - k % 4));
    }

    function _copy(uint256 k) private view returns (uint256) {
        return standing >> k & 1;
    }

    /// @dev Slots of chunk k.
    function _length(uint256 k) private view returns (uint256) {
        return k + 1 < chunks ? chunkSlots : slots - k * chunkSlots;
    }

    function _ones(uint256 bits) private pure returns (uint256 count) {
        for (; bits > 0; bits &= bits - 1) ++count;
    }
}
